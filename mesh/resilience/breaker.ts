import type { BreakerPolicy } from "#mesh/contract";
import type { Verdict } from "./code-class.ts";
import { createSlidingWindow, failsTooOften } from "./sliding-window.ts";

/** Closed: calls pass. Open: none does. Half open: a few probes do. */
export type BreakerState = "closed" | "open" | "half_open";

/** What a breaker answers to a call that wants to pass. */
export type BreakerAnswer =
  | { readonly allowed: true; readonly permit: BreakerPermit }
  /** `retryAfterMs` is when to ask again at the earliest. */
  | { readonly allowed: false; readonly retryAfterMs: number };

/** Stands for one call that was let through. */
export interface BreakerPermit {
  readonly probe: boolean;
  /** Says how the call ended. Only the first time counts; of a probe that has expired, nothing does. */
  end(verdict: Verdict, now: number): void;
}

/** A breaker as an operator sees it. */
export interface BreakerSnapshot {
  readonly state: BreakerState;
  /** Since when, in milliseconds of the caller's clock. */
  readonly since: number;
  readonly consecutiveFailures: number;
  readonly successes: number;
  readonly failures: number;
  /** Probes under way, and those that have succeeded in a row. */
  readonly probes: { readonly underWay: number; readonly succeeded: number };
}

/** Refuses calls to a target for a while when most of them fail. */
export interface Breaker {
  tryEnter(now: number): BreakerAnswer;
  state(now: number): BreakerState;
  snapshot(now: number): BreakerSnapshot;
  /** Closes it and forgets what was counted. */
  reset(now: number): void;
}

export function createBreaker(policy: BreakerPolicy): Breaker {
  const window = createSlidingWindow(policy.windowMs);
  /** When each probe under way expires. */
  const probes = new Map<BreakerPermit, number>();
  let state: BreakerState = "closed";
  let since = 0;
  let era = 0;
  let consecutive = 0;
  let succeeded = 0;

  function become(next: BreakerState, now: number): void {
    state = next;
    since = now;
    era += 1;
    succeeded = 0;
    // The permits of an earlier state say nothing about this one.
    probes.clear();
    if (next === "closed") {
      consecutive = 0;
      window.clear();
    }
  }

  /** Lets time pass: an open breaker becomes half open, and a stuck probe counts as failed. */
  function settle(now: number): void {
    if (state === "half_open") {
      const expiry = Math.min(...probes.values());
      if (expiry <= now) become("open", expiry);
    }
    if (state === "open" && now - since >= policy.openMs) become("half_open", now);
  }

  function count(verdict: Verdict, now: number): void {
    if (verdict === "nothing") return;
    window.add(verdict === "success", now);
    consecutive = verdict === "success" ? 0 : consecutive + 1;
    if (verdict !== "failure") return;
    if (consecutive >= policy.consecutiveFailures || failsTooOften(window.count(now), policy)) become("open", now);
  }

  function endProbe(permit: BreakerPermit, verdict: Verdict, now: number): void {
    settle(now);
    if (!probes.delete(permit)) return;
    if (verdict === "failure") become("open", now);
    if (verdict === "success") succeeded += 1;
    if (succeeded >= policy.successesToClose) become("closed", now);
  }

  function createPermit(probe: boolean): BreakerPermit {
    const enteredIn = era;
    let ended = false;
    const permit: BreakerPermit = {
      probe,
      end(verdict, now) {
        if (ended) return;
        ended = true;
        if (probe) endProbe(permit, verdict, now);
        // A call from before the breaker last closed tells of times that are over.
        else if (enteredIn === era) count(verdict, now);
      },
    };
    return permit;
  }

  return {
    tryEnter(now) {
      settle(now);
      if (state === "open") return { allowed: false, retryAfterMs: since + policy.openMs - now };
      const permit = createPermit(state === "half_open");
      if (state === "closed") return { allowed: true, permit };
      if (probes.size >= policy.probes) return { allowed: false, retryAfterMs: Math.min(...probes.values()) - now };
      probes.set(permit, now + policy.probeDeadlineMs);
      return { allowed: true, permit };
    },
    state(now) {
      settle(now);
      return state;
    },
    snapshot(now) {
      settle(now);
      const counted = { consecutiveFailures: consecutive, ...window.count(now) };
      return { state, since, ...counted, probes: { underWay: probes.size, succeeded } };
    },
    reset: (now) => become("closed", now),
  };
}
