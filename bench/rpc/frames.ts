/** Just enough of HTTP/2 (RFC 9113) and HPACK (RFC 7541) to keep a gRPC server busy at little cost. */

/** Frame types and flags. */
export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const END_STREAM = 1;
export const ACK = 1;
const END_HEADERS = 4;

/** What a client says first: the preface, and settings with the largest window for each stream. */
export function preface(): Buffer {
  const largestWindow = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]);
  return Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(SETTINGS, 0, 0, largestWindow)]);
}

/** A frame with its header of nine bytes. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** Gives the server back `bytes` of the connection's window. */
export function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, 0, payload);
}

/** The frames of one gRPC call on stream 0, to be copied with the true stream id at `at`. */
export function callTemplate(headers: Record<string, string>, message: Uint8Array): { bytes: Buffer; at: number[] } {
  const block = Buffer.concat(Object.entries(headers).map(([name, value]) => literal(name, value)));
  const first = frame(HEADERS, END_HEADERS, 0, block);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const bytes = Buffer.concat([first, frame(DATA, END_STREAM, 0, Buffer.concat([prefix, message]))]);
  return { bytes, at: [5, first.length + 5] };
}

/** A header field that no table remembers, so that every call can send the same bytes. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** An HPACK integer with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}
