import { Code } from "@connectrpc/connect";
import { EdgeError } from "../http/edge-error.ts";

/** What the frames of a WebSocket hold: a message as ProtoJSON in a text frame, or its bytes in a binary one. */
export type FrameFormat = "json" | "proto";

/** What a client says by Sec-WebSocket-Protocol. */
export interface Subprotocols {
  readonly format: FrameFormat;
  /** The one that the answer names; undefined for a client that offered none. */
  readonly chosen: string | undefined;
  /** The access token of a client that cannot set headers, as browsers cannot. It is never named in the answer. */
  readonly token: string | undefined;
}

const formats: ReadonlyMap<string, FrameFormat> = new Map([
  ["heddle.json.v1", "json"],
  ["heddle.proto.v1", "proto"],
]);

const tokenPrefix = "bearer.";

/** Reads the offered subprotocols; the first known one counts. Throws 400 for an offer of unknown ones only. */
export function readSubprotocols(header: string | undefined): Subprotocols {
  const offered = (header ?? "").split(",").map((name) => name.trim());
  const token = offered.find((name) => name.startsWith(tokenPrefix))?.slice(tokenPrefix.length);
  const chosen = offered.find((name) => formats.has(name));
  if (chosen === undefined && offered.some((name) => name !== "" && !name.startsWith(tokenPrefix))) {
    const known = [...formats.keys()].join(" or ");
    throw new EdgeError(`the subprotocol is ${known}, not "${header}"`, Code.InvalidArgument);
  }
  return { format: formats.get(chosen ?? "") ?? "json", chosen, token };
}
