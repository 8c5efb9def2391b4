import type { Code } from "#gen/google/rpc/code_pb.ts";
import type { BreakerState } from "./breaker.ts";
import type { StopReason } from "./retry.ts";

/** Who gave a call its outcome. */
export type DecidedBy =
  | "endpoint"
  | "breaker"
  | "bulkhead"
  | "deadline"
  | "caller"
  | "fault"
  | "no_endpoint"
  | "fallback";

/** Why an attempt was made. */
export type AttemptKind = "first" | "retry" | "transparent" | "hedge";

/** What became of one call and why: what `explain` shows. Times are in milliseconds; plain data, so that it can be sent. */
export interface CallExplanation {
  /** Full name of the method, such as "shop.catalog.v1.CatalogService/GetProduct". */
  readonly method: string;
  /** Service that was called, such as "shop.catalog". */
  readonly target: string;
  /** By the caller's clock. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What the call could take when it began; undefined for no limit. */
  readonly deadlineMs: number | undefined;
  /** Whether messages were streamed. */
  readonly stream: boolean;
  readonly outcome: { readonly code: Code; readonly message: string; readonly by: DecidedBy };
  /** Where the rules of traffic sent it. */
  readonly route: RouteExplanation | undefined;
  readonly attempts: readonly AttemptExplanation[];
  /** Why there was no further attempt; undefined when there was not even a first. */
  readonly stopped: StopReason | undefined;
  /** How the breaker stood when the call began and when it ended; undefined without one. */
  readonly breaker:
    | { readonly before: BreakerState; readonly after: BreakerState; readonly probe: boolean }
    | undefined;
  /** How full the bulkhead was when the call came to it; undefined when it came to none. */
  readonly bulkhead: { readonly underWay: number; readonly waiting: number } | undefined;
  /** Further attempts that the budget had left in the end; undefined without a limit. */
  readonly budgetLeft: number | undefined;
  /** Delay after which a hedge would have started; undefined when none would. */
  readonly hedgeDelayMs: number | undefined;
  /** Age of the answer when it was a remembered one. */
  readonly fallbackAgeMs: number | undefined;
  readonly timeIn: TimeSpent;
}

/** Where the time of a call went, in milliseconds. They add up to its duration. */
export interface TimeSpent {
  /** In an injected delay. */
  readonly fault: number;
  /** Waiting for a place in the bulkhead. */
  readonly queue: number;
  /** With at least one attempt under way. */
  readonly attempts: number;
  /** Waiting before a further attempt. */
  readonly backoff: number;
}

/** Why a call went to a version. */
export interface RouteExplanation {
  /** Undefined: any version. */
  readonly version: string | undefined;
  /** The rule that decided, in words. */
  readonly reason: string;
}

/** One attempt of a call. */
export interface AttemptExplanation {
  /** From 1. */
  readonly number: number;
  readonly kind: AttemptKind;
  readonly endpoint: { readonly id: string; readonly address: string; readonly version: string; readonly zone: string };
  /** Too few endpoints were well, so this one was not checked. */
  readonly panic: boolean;
  /** Since the call began. */
  readonly startedAfterMs: number;
  readonly durationMs: number;
  /** When a stream's answer began, since the attempt did; undefined when it never did, and of unary calls. */
  readonly openedAfterMs: number | undefined;
  readonly code: Code;
  readonly message: string;
  /** What the server said about trying again; undefined when nothing. */
  readonly pushbackMs: number | undefined;
  /** Another attempt had answered, so this one was cancelled. */
  readonly lost: boolean;
  /** It was one failure too many: its endpoint was left out from then on. */
  readonly ejected: boolean;
}
