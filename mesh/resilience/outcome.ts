import type { Code } from "#gen/google/rpc/code_pb.ts";

/** How far the request of a failed attempt came. */
export type Progress =
  /** It never left: no connection could be had. */
  | "unsent"
  /** The server said that it did not look at it (REFUSED_STREAM, a GOAWAY before its stream). */
  | "not_processed"
  /** It may have had its effect. */
  | "maybe_processed"
  /** The server has answered: nothing is tried again (gRFC A6). */
  | "committed";

/** How an attempt ended. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: Code;
      readonly message: string;
      readonly progress: Progress;
      /** Trailer grpc-retry-pushback-ms: wait for so long; negative for never again. Undefined when the server said nothing. */
      readonly pushbackMs?: number | undefined;
      /** What the transport has besides: passed through to the caller. */
      readonly error?: unknown;
    };

/** How an attempt failed. */
export type Failure = Extract<Outcome<never>, { ok: false }>;

/** Reads the trailer grpc-retry-pushback-ms: what is not a whole number forbids retries (gRFC A6). */
export function parsePushback(trailer: string | undefined | null): number | undefined {
  if (trailer === undefined || trailer === null) return undefined;
  return /^[0-9]{1,9}$/.test(trailer) ? Number(trailer) : -1;
}
