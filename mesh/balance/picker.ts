import type { Endpoint } from "./endpoint.ts";

/** What a pick may depend on besides the endpoints. */
export interface PickContext {
  /** Milliseconds of any steady clock. */
  readonly now: number;
  /** Draws evenly from 0 to under 1. */
  readonly random: () => number;
  /** Calls of this caller under way at an endpoint. */
  readonly inFlight: (endpoint: Endpoint) => number;
  /** Value that keeps to one endpoint. Undefined when the call has none. */
  readonly key: string | undefined;
}

/** Chooses one of several endpoints. May keep state, such as whose turn it is. */
export interface Picker {
  /** Takes note of a changed set. What is known about endpoints that stay is kept. */
  update(endpoints: readonly Endpoint[]): void;
  /** Returns one of `eligible`, which is a part of the last updated set and never empty. */
  pick(eligible: readonly [Endpoint, ...Endpoint[]], context: PickContext): Endpoint;
}
