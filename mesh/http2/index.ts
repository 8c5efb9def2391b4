export { ClientSession, MAX_SENT_HEADER_BYTES, type SessionListener } from "./client-session.ts";
export type { ClientStream, StreamListener } from "./client-stream.ts";
export type { ReceivedHeaders } from "./received-headers.ts";
