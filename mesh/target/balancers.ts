import { type Balancer, createBalancer, type Picked, type PickRequest } from "#mesh/balance";
import type { BalancePolicy } from "#mesh/contract";
import type { Instance } from "#mesh/discovery";

/** What all balancers of a caller have in common. */
export interface CallerPlace {
  /** The caller's own zone. Empty: unknown. */
  readonly zone: string;
  /** Names this caller among others of the same kind; decides its subset. */
  readonly seed: string;
}

/** The balancers of a target: methods that choose alike share one. */
export interface Balancers {
  update(instances: readonly Instance[]): void;
  pick(policy: BalancePolicy, request: PickRequest): Picked | undefined;
  /** Every endpoint, with the calls of this caller under way. */
  snapshot(): readonly { readonly endpoint: Instance; readonly inFlight: number }[];
}

/** Creates the balancers of a target. */
export function createBalancers(place: CallerPlace): Balancers {
  const byPolicy = new Map<BalancePolicy, Balancer>();
  const byChoice = new Map<string, Balancer>();
  let current: readonly Instance[] = [];

  function balancerOf(policy: BalancePolicy): Balancer {
    const known = byPolicy.get(policy);
    if (known) return known;
    const choice = JSON.stringify({ ...policy, affinity: undefined });
    const balancer = byChoice.get(choice) ?? createBalancer({ ...place, policy, random: Math.random });
    if (!byChoice.has(choice)) balancer.update(current);
    byChoice.set(choice, balancer);
    byPolicy.set(policy, balancer);
    return balancer;
  }

  return {
    update(instances) {
      current = instances;
      for (const balancer of byChoice.values()) balancer.update(instances);
    },
    pick: (policy, request) => balancerOf(policy).pick(request),
    snapshot() {
      const inFlight = new Map<string, number>();
      for (const balancer of byChoice.values()) {
        for (const { endpoint, inFlight: calls } of balancer.snapshot()) {
          inFlight.set(endpoint.id, (inFlight.get(endpoint.id) ?? 0) + calls);
        }
      }
      return current.map((endpoint) => ({ endpoint, inFlight: inFlight.get(endpoint.id) ?? 0 }));
    },
  };
}
