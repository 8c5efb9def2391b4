import type { Picked, PickRequest } from "#mesh/balance";
import type { CallPolicy } from "#mesh/contract";
import type { Breaker } from "./breaker.ts";
import type { Bulkhead } from "./bulkhead.ts";
import type { Ejection } from "./ejection.ts";
import type { EndSignal } from "./ending.ts";
import type { AttemptKind, RouteExplanation } from "./explanation.ts";
import type { LastAnswers } from "./last-answers.ts";
import type { LatencyTracker } from "./latency.ts";
import type { Outcome } from "./outcome.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** One call that somebody wants to make. */
export interface CallRequest<T> {
  /** Full name of the method, such as "shop.catalog.v1.CatalogService/GetProduct". */
  readonly method: string;
  /** Service that is called, such as "shop.catalog". */
  readonly target: string;
  /** When the call must have ended, in milliseconds of `now`; Infinity for never. */
  readonly deadline: number;
  /** Ends the call for the caller. */
  readonly signal?: EndSignal | undefined;
  /** Value that keeps to one endpoint. */
  readonly key?: string | undefined;
  /** Whether messages are streamed: how long that takes is the caller's affair. Default false. */
  readonly stream?: boolean;
  /** Where the rules of traffic send it. A version without endpoints is replaced by any. */
  readonly route?: RouteExplanation | undefined;
  /** What the rules of traffic do to it before it leaves. */
  readonly fault?: CallFault | undefined;
  /** What a fallback needs when the policy has one. */
  readonly fallback?: CallFallback<T> | undefined;
}

/** A fault that is put into one call. */
export interface CallFault {
  /** 0 for none. */
  readonly delayMs: number;
  /** How the call ends without leaving; undefined: it goes on. */
  readonly abort: Extract<Outcome<never>, { ok: false }>["code"] | undefined;
}

/** What a fallback needs. */
export interface CallFallback<T> {
  /** Names method, request and who asks: all that the answer depends on. */
  readonly key: string;
  /** Makes the empty answer. */
  readonly empty: () => T;
}

/** What calls of one target share. Parts that the policy leaves out are undefined. */
export interface CallGuards<T> {
  readonly breaker: Breaker | undefined;
  readonly bulkhead: Bulkhead | undefined;
  readonly budget: RetryBudget | undefined;
  readonly ejection: Ejection | undefined;
  /** Of this method alone. */
  readonly latency: LatencyTracker;
  readonly answers: LastAnswers<T> | undefined;
}

/** What an attempt is told besides its endpoint. */
export interface AttemptInfo {
  /** From 1. The number of earlier attempts goes out as header grpc-previous-rpc-attempts (gRFC A6). */
  readonly number: number;
  readonly kind: AttemptKind;
  /** When the attempt must have ended, in milliseconds of `now`. */
  readonly deadline: number;
  /** To be called once when the answer of a stream begins: the endpoint is well, and the time of an attempt stands still. */
  readonly opened: () => void;
}

/** The outside world of a call. */
export interface CallWorld<T> {
  /** Milliseconds. */
  now(): number;
  /** Draws evenly from 0 to under 1. */
  random(): number;
  /** Resolves after so long, or at once when the signal aborts, and then leaves no timer behind. Never rejects. */
  sleep(ms: number, signal: EndSignal): Promise<void>;
  /** Calls `ring` after so long, unless what it returns is called before. */
  after(ms: number, ring: () => void): () => void;
  /** Whether an endpoint cannot be reached at the moment: it is as good as ejected. */
  unreachable(id: string): boolean;
  /** Chooses an endpoint; undefined when there is none. */
  pick(request: PickRequest): Picked | undefined;
  /** Makes one attempt, and ends it when the signal aborts. */
  attempt(endpoint: Picked["endpoint"], info: AttemptInfo, signal: EndSignal): Promise<Outcome<T>>;
}

/** All that belongs to a call. */
export interface CallContext<T> {
  readonly policy: CallPolicy;
  readonly request: CallRequest<T>;
  readonly guards: CallGuards<T>;
  readonly world: CallWorld<T>;
}
