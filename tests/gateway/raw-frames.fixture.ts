/** What a connection begins with. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Frame types of RFC 9113, section 6. */
export const data = 0;
export const headers = 1;
export const priority = 2;
export const reset = 3;
export const settings = 4;
export const push = 5;
export const ping = 6;
export const goaway = 7;
export const windowUpdate = 8;
export const continuation = 9;

export const endStream = 1;
export const ack = 1;
export const endHeaders = 4;

interface Frame {
  readonly type: number;
  readonly flags?: number;
  readonly stream?: number;
  readonly payload?: Buffer;
  /** How much longer than it is the frame says it is. */
  readonly lie?: number;
}

/** Writes a frame, as wrong as it may be. */
export function writeFrame({ type, flags = 0, stream = 0, payload = Buffer.alloc(0), lie = 0 }: Frame): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(Math.max(0, payload.length + lie) % 2 ** 24, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Reads the frames that came back. Throws for one that no server may send; the last may be cut off. */
export function readFrames(received: Buffer): { type: number; flags: number; stream: number; payload: Buffer }[] {
  const frames = [];
  for (let at = 0; at + 9 <= received.length; ) {
    const [length, type] = [received.readUIntBE(at, 3), received.readUInt8(at + 3)];
    const [flags, stream] = [received.readUInt8(at + 4), received.readUInt32BE(at + 5)];
    const ofConnection = type === settings || type === ping || type === goaway;
    if (length > 16_384 || type > continuation || type === push) throw new Error(`frame ${type} of ${length} bytes`);
    if (type !== windowUpdate && ofConnection !== (stream === 0)) throw new Error(`frame ${type} on stream ${stream}`);
    frames.push({ type, flags, stream, payload: received.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  return frames;
}

/** The call that ends a case: its stream is the last that a client opens. */
export const lastStream = 99_999;

/** Whether the call that ends a case is over, or the connection is given up. */
export function isAnswered(received: Buffer): boolean {
  return readFrames(received).some(({ type, flags, stream }) => {
    const ends = type === reset || (type <= headers && (flags & endStream) > 0);
    return type === goaway || (stream === lastStream && ends);
  });
}

/** A header block without compression (RFC 7541, section 6.2.2): any name, any value. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), ...[name, value].map(literal)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}
