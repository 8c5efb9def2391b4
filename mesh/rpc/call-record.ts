import type { DescMethod } from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import type { TraceContext } from "#mesh/telemetry";

/** Counts the calls of one method at a server. */
export interface CallMeter {
  started(): void;
  /** `code` is gRPC's, `durationMs` in milliseconds. */
  ended(code: number, durationMs: number): void;
}

/** What is known of a call once it has ended; for metrics. */
export interface CallRecord {
  readonly side: "server" | "client";
  readonly method: DescMethod;
  /** Status code of gRPC, 0 for success. */
  readonly code: Code | 0;
  /** From the first byte of the request to the status, in milliseconds. */
  readonly durationMs: number;
  /** At a server the calling service's name, where it is known; at a client the address called. */
  readonly peer: string | undefined;
  readonly trace: TraceContext;
  readonly requestId: string;
}
