import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";

/** When callers may try again, in milliseconds. */
export interface OverloadTimes {
  /** Before the next attempt, which should go elsewhere. Sent as grpc-retry-pushback-ms. */
  readonly pushbackMs: number;
  /** Until this server may have room again. Sent as google.rpc.RetryInfo. */
  readonly retryAfterMs: number;
}

/**
 * The server has no room for a call, and has not begun with it. Answered UNAVAILABLE, because that is the code on which
 * every gRPC client tries again and balancers look for another endpoint; RESOURCE_EXHAUSTED would speak of a quota of
 * the caller's and be final for most of them. No ConnectError: every ConnectError passes for an instance of its subclasses.
 */
export class Overload extends Error {
  readonly pushbackMs: number;
  readonly answer: ConnectError;

  constructor(message: string, { pushbackMs, retryAfterMs }: OverloadTimes) {
    super(message);
    const retryDelay = { seconds: BigInt(Math.floor(retryAfterMs / 1000)), nanos: (retryAfterMs % 1000) * 1_000_000 };
    const details = [{ desc: RetryInfoSchema, value: { retryDelay } }];
    this.answer = new ConnectError(message, Code.Unavailable, undefined, details);
    this.pushbackMs = pushbackMs;
  }
}
