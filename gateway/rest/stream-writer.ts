import type { Route } from "./route-table.ts";
import { type StreamFormat, streamFormatOf } from "./stream-format.ts";

/** Writes the messages of a stream, encoded as they come, into the body of an answer. */
export interface StreamWriter extends Pick<StreamFormat, "resumes" | "open" | "heartbeat" | "close" | "error"> {
  /** Undefined while it takes the first message to tell. */
  contentType(first: Uint8Array | undefined): string | undefined;
  /** `first` is true before any other. Throws Internal for what cannot be read. */
  message(message: Uint8Array, first: boolean): string | Uint8Array;
}

/** Chooses how a route's stream is written: the bytes of HttpBody as they are, all else as Accept likes best. Throws 406. */
export function streamWriterOf(route: Route, accept: string | undefined): StreamWriter {
  const { rawAnswer, printResponse, resume } = route;
  if (rawAnswer) return rawWriter(rawAnswer);
  const format = streamFormatOf(accept);
  return {
    ...format,
    contentType: () => format.contentType,
    message(message, first) {
      const id = format.resumes ? resume?.idOf(message) : undefined;
      return format.message(String(printResponse(message, false)), first, id);
    },
  };
}

/** Joins the bytes. There is no room for anything else, so a late failure shows by the missing end alone. */
function rawWriter(rawAnswer: NonNullable<Route["rawAnswer"]>): StreamWriter {
  return {
    ...{ resumes: false, open: "", heartbeat: "", close: "" },
    contentType: (first) => first && (rawAnswer(first).contentType || anyBytes),
    message: (message) => rawAnswer(message).data,
    error: () => "",
  };
}

/** The content type of bytes that nobody knows more about. */
export const anyBytes = "application/octet-stream";
