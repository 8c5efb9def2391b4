import type { BalancePolicy } from "#mesh/contract";
import { createPicker } from "./create-picker.ts";
import { eligibleOf } from "./eligible.ts";
import type { Endpoint } from "./endpoint.ts";
import { subsetOf } from "./subset.ts";
import { preferZone } from "./zone.ts";

/** What a balancer is told once. */
export interface BalancerOptions {
  readonly policy: BalancePolicy;
  /** The caller's own zone. Empty: unknown. */
  readonly zone: string;
  /** Names this caller among others of the same kind; decides its subset. */
  readonly seed: string;
  /** Draws evenly from 0 to under 1. */
  readonly random: () => number;
}

/** What one pick depends on. */
export interface PickRequest {
  readonly now: number;
  /** Ids of endpoints that the same call has tried. */
  readonly tried: ReadonlySet<string>;
  /** Whether an endpoint is ejected for now. */
  readonly ejected: (id: string) => boolean;
  /** Value that keeps to one endpoint. */
  readonly key?: string | undefined;
  /** Only endpoints of this version, as the split of traffic decides. Undefined: all. */
  readonly version?: string | undefined;
  /** Rather none than one that was tried: for hedges, which are pointless there. */
  readonly distinct?: boolean;
}

/** An endpoint for one attempt. */
export interface Picked {
  readonly endpoint: Endpoint;
  /** Too few endpoints were well, so all were used. */
  readonly panic: boolean;
  /** Says that the attempt is over. Must be called once. */
  readonly done: () => void;
}

/** The endpoints of one target and the choice among them. */
export interface Balancer {
  /** The set has changed. What is under way is remembered for endpoints that stay. */
  update(endpoints: readonly Endpoint[]): void;
  /** Chooses one; undefined when there is none. */
  pick(request: PickRequest): Picked | undefined;
  /** This caller's endpoints and what it has under way at each. */
  snapshot(): readonly { readonly endpoint: Endpoint; readonly inFlight: number }[];
}

export function createBalancer({ policy, zone, seed, random }: BalancerOptions): Balancer {
  const picker = createPicker(policy.algorithm, random);
  const counts = new Map<string, number>();
  const inFlight = ({ id }: Endpoint) => counts.get(id) ?? 0;
  let endpoints: readonly Endpoint[] = [];

  function begin({ id }: Endpoint): () => void {
    counts.set(id, (counts.get(id) ?? 0) + 1);
    return () => {
      const left = (counts.get(id) ?? 1) - 1;
      if (left > 0) counts.set(id, left);
      else counts.delete(id);
    };
  }

  return {
    update(changed) {
      // Sources list in any order; turns and ties must not depend on it.
      const sorted = [...changed].sort((a, b) => (a.id < b.id ? -1 : 1));
      const draining = sorted.filter(({ state }) => state === "draining");
      // A subset of those that stay: during a rolling restart it would else be a subset of those that leave.
      const staying = sorted.filter(({ state }) => state !== "draining");
      endpoints = [...subsetOf(staying, policy.subsetSize, seed), ...draining];
      picker.update(endpoints);
    },
    pick({ now, tried, ejected, key, version, distinct }) {
      const candidates = version === undefined ? endpoints : endpoints.filter((one) => one.version === version);
      const { panicThreshold } = policy;
      const eligible = eligibleOf(candidates, { tried, ejected, panicThreshold });
      if (distinct && eligible.again) return undefined;
      const near = policy.preferZone
        ? preferZone(eligible.endpoints, candidates, { zone, random })
        : eligible.endpoints;
      const [first, ...others] = near;
      if (!first) return undefined;
      const endpoint = picker.pick([first, ...others], { now, random, inFlight, key });
      return { endpoint, panic: eligible.panic, done: begin(endpoint) };
    },
    snapshot: () => endpoints.map((endpoint) => ({ endpoint, inFlight: inFlight(endpoint) })),
  };
}
