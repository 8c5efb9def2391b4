import { Code } from "@connectrpc/connect";
import { preferredType } from "../http/accept.ts";
import { EdgeError } from "../http/edge-error.ts";

/** How a stream of messages is written as one HTTP body. All texts are complete as they stand. */
export interface StreamFormat {
  readonly contentType: string;
  /** Whether readers can go on after a break: messages have ids, and a stream that is over says so by 204. */
  readonly resumes: boolean;
  /** Before everything else. */
  readonly open: string;
  /** A message, printed as JSON on one line. `first` is true before any other; `id` tells its place in the stream. */
  message(json: string, first: boolean, id: string | undefined): string;
  /** Written into a silence so that nobody takes the connection for dead. "" for nothing. */
  readonly heartbeat: string;
  /** After the last message of a stream that went well. */
  readonly close: string;
  /** Instead of that, for one that did not: a google.rpc.Status as JSON, and how long to wait before coming again. */
  error(json: string, first: boolean, retryMs: number | undefined): string;
}

/** One JSON value a line; an error is a last line {"error": Status}. */
const ndjson: StreamFormat = {
  contentType: "application/x-ndjson",
  resumes: false,
  open: "",
  message: (json) => `${json}\n`,
  // Not every reader passes over empty lines.
  heartbeat: "",
  close: "",
  error: (json) => `{"error":${json}}\n`,
};

/** Server-sent events, as browsers read them; an error is an event of that name. */
const events: StreamFormat = {
  contentType: "text/event-stream",
  resumes: true,
  open: "",
  message: (json, _, id) => (id === undefined ? `data: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`),
  heartbeat: ":\n\n",
  close: "",
  error: (json, _, retryMs) => `${retryMs === undefined ? "" : `retry: ${retryMs}\n`}event: error\ndata: ${json}\n\n`,
};

/** One JSON array; an error is a last element {"error": Status}, and the array is not closed. */
const array: StreamFormat = {
  contentType: "application/json",
  resumes: false,
  open: "[",
  message: (json, first) => (first ? json : `,\n${json}`),
  // White space between two elements.
  heartbeat: "\n",
  close: "]\n",
  error: (json, first) => `${first ? "" : ",\n"}{"error":${json}}\n`,
};

const formats: ReadonlyMap<string, StreamFormat> = new Map([
  [ndjson.contentType, ndjson],
  ["application/ndjson", ndjson],
  ["application/jsonl", ndjson],
  [events.contentType, events],
  [array.contentType, array],
]);

/** Chooses the format by the Accept header; NDJSON where it has no wish. Throws 406 when it wants none of them. */
export function streamFormatOf(accept: string | undefined): StreamFormat {
  const format = formats.get(preferredType(accept, [...formats.keys()]) ?? "");
  if (format) return format;
  const offered = "application/x-ndjson, text/event-stream or application/json";
  throw new EdgeError(`this stream is sent as ${offered}, not "${accept}"`, Code.InvalidArgument, { status: 406 });
}
