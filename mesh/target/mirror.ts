import { performance } from "node:perf_hooks";
import type { Picked, PickRequest } from "#mesh/balance";
import type { Channel } from "#mesh/channel";
import type { BalancePolicy } from "#mesh/contract";
import { codeOf } from "./attempt-status.ts";
import { type CallerPlace, createBalancers, type TargetEndpoint } from "./balancers.ts";
import type { ClientMeter } from "./client-meter.ts";
import type { MeshCallRequest } from "./mesh-call.ts";
import { attemptUnary } from "./unary-attempt.ts";

/** Where a copy goes, and who counts it. */
export interface CopyTo {
  readonly picked: Picked;
  readonly channel: Channel;
  readonly meter: ClientMeter | undefined;
}

/** Sends copies of the calls of one target. */
export interface Mirror {
  update(endpoints: readonly TargetEndpoint[]): void;
  /** Chooses where a copy goes; undefined when there is nowhere, or too many are under way. */
  pick(policy: BalancePolicy, request: PickRequest): Picked | undefined;
  /**
   * Sends a copy of a unary call, once, within the deadline of the call and whatever becomes of that. How it ends is
   * counted, and else nobody's affair: no guard hears of it.
   */
  send(request: MeshCallRequest, to: CopyTo): Promise<void>;
}

/** Copies for a target that may be under way at once: a version that hangs must not cost its callers their memory. */
const MOST_UNDER_WAY = 10;
/** By this header a server can tell a copy. */
const MARK = ["heddle-mirrored", "true"];

/** Creates what sends the copies of a target's calls. */
export function createMirror(place: CallerPlace): Mirror {
  // Not those of the calls: a copy must not take the turn of a call.
  const balancers = createBalancers(place, () => undefined);
  let underWay = 0;
  return {
    update: (endpoints) => balancers.update(endpoints),
    pick: (policy, request) => (underWay < MOST_UNDER_WAY ? balancers.pick(policy, request) : undefined),
    async send(request, { picked, channel, meter }) {
      underWay++;
      const startedAt = performance.now();
      const copy = { ...request, metadata: [...request.metadata, ...MARK] };
      const info = { number: 1, kind: "first", deadline: request.deadlineMs, opened() {} } as const;
      try {
        const outcome = await attemptUnary(channel, copy, info);
        meter?.copyEnded(codeOf(outcome), performance.now() - startedAt);
      } finally {
        picked.done();
        underWay--;
      }
    },
  };
}
