import { AsyncLocalStorage } from "node:async_hooks";
import type { TraceContext } from "#mesh/telemetry";

/** What a unit of work carries along: a call that is served, an event that is handled, a timer that fires. */
export interface Scope {
  /** Aborts when the work is no longer wanted: its deadline has passed or its caller has gone. */
  readonly signal: AbortSignal;
  /** When the work must be done, in milliseconds since the epoch; undefined without a limit. */
  readonly deadline: number | undefined;
  /** The span of the work itself; calls and events that it causes are its children. */
  readonly trace: TraceContext;
  /** The end user's "authorization" header, passed on to the services that are called. */
  readonly authorization: string | undefined;
  /** Whether the end user may be told how calls are made, since the token has been verified and has the role admin. */
  readonly explained?: boolean;
  /** The same for everything that one outside request causes. */
  readonly requestId: string;
}

const storage = new AsyncLocalStorage<Scope | undefined>();

/** Runs `work`, and everything that it awaits, inside `scope`. Returns what `work` returns. */
export function runInScope<T>(scope: Scope, work: () => T): T {
  return storage.run(scope, work);
}

/** The scope of the work that is running, undefined outside one. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/**
 * Runs `work` in no scope. For work that several units share, such as filling a cache: it must not end because the one
 * that happened to ask first was cancelled.
 */
export function runOutsideScope<T>(work: () => T): T {
  return storage.run(undefined, work);
}
