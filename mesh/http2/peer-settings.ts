import { DEFAULT_TABLE_BYTES } from "./field-table.ts";
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, Setting } from "./frames.ts";
import { Http2Error } from "./http2-error.ts";

/** What a server has asked for (RFC 9113, 6.5.2); until then, and where it asks for nothing, the defaults. */
export interface PeerSettings {
  readonly headerTableBytes: number;
  readonly maxStreams: number;
  readonly windowBytes: number;
  readonly maxHeaderBytes: number;
}

export const DEFAULT_PEER_SETTINGS: PeerSettings = {
  headerTableBytes: DEFAULT_TABLE_BYTES,
  maxStreams: Number.POSITIVE_INFINITY,
  windowBytes: DEFAULT_WINDOW_BYTES,
  maxHeaderBytes: Number.POSITIVE_INFINITY,
};

/** The settings once a SETTINGS frame was read. Throws an Http2Error for one that is malformed. */
export function readSettings(before: PeerSettings, payload: Buffer): PeerSettings {
  if (payload.length % 6 !== 0) throw Http2Error.frameSize(`SETTINGS have ${payload.length} bytes`);
  const values = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) values.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  const windowBytes = values.get(Setting.INITIAL_WINDOW_SIZE) ?? before.windowBytes;
  if (windowBytes > MAX_WINDOW_BYTES) throw Http2Error.flowControl(`streams have a window of ${windowBytes} bytes`);
  return {
    headerTableBytes: values.get(Setting.HEADER_TABLE_SIZE) ?? before.headerTableBytes,
    maxStreams: values.get(Setting.MAX_CONCURRENT_STREAMS) ?? before.maxStreams,
    windowBytes,
    maxHeaderBytes: values.get(Setting.MAX_HEADER_LIST_SIZE) ?? before.maxHeaderBytes,
  };
}

/** The payload of a SETTINGS frame. */
export function encodeSettings(settings: ReadonlyMap<number, number>): Buffer {
  const payload = Buffer.alloc(settings.size * 6);
  let at = 0;
  for (const [id, value] of settings) {
    payload.writeUInt16BE(id, at);
    payload.writeUInt32BE(value, at + 2);
    at += 6;
  }
  return payload;
}
