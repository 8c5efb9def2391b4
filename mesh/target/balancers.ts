import { type Balancer, createBalancer, type EndpointState, type Picked, type PickRequest } from "#mesh/balance";
import type { BalancePolicy } from "#mesh/contract";
import type { Instance } from "#mesh/discovery";

/** What all balancers of a caller have in common. */
export interface CallerPlace {
  /** The caller's own zone. Empty: unknown. */
  readonly zone: string;
  /** Names this caller among others of the same kind; decides its subset. */
  readonly seed: string;
}

/** An instance as this caller sees it. */
export interface TargetEndpoint extends Omit<Instance, "state"> {
  /** "unhealthy" when it says of itself that it is not well. */
  readonly state: EndpointState;
}

/** The balancers of a target: methods that choose alike share one. */
export interface Balancers {
  update(endpoints: readonly TargetEndpoint[]): void;
  pick(policy: BalancePolicy, request: PickRequest): Picked | undefined;
  /** Every endpoint, with the calls of this caller under way. */
  snapshot(): readonly { readonly endpoint: TargetEndpoint; readonly inFlight: number }[];
}

/**
 * Creates the balancers of a target. `onUse` is told the addresses that calls may go to: those of the subset that each
 * method chooses from, and none before the first call.
 */
export function createBalancers(place: CallerPlace, onUse: (addresses: ReadonlySet<string>) => void): Balancers {
  const byPolicy = new WeakMap<BalancePolicy, Balancer>();
  const byChoice = new Map<string, Balancer>();
  let current: readonly TargetEndpoint[] = [];

  function balancerOf(policy: BalancePolicy): Balancer {
    const known = byPolicy.get(policy);
    if (known) return known;
    const choice = JSON.stringify({ ...policy, affinity: undefined });
    const balancer = byChoice.get(choice) ?? createBalancer({ ...place, policy, random: Math.random });
    byPolicy.set(policy, balancer);
    if (byChoice.has(choice)) return balancer;
    balancer.update(current);
    byChoice.set(choice, balancer);
    tellUse();
    return balancer;
  }

  function tellUse(): void {
    const used = [...byChoice.values()].flatMap((balancer) => balancer.snapshot());
    onUse(new Set(used.map(({ endpoint }) => endpoint.address)));
  }

  return {
    update(endpoints) {
      current = endpoints;
      for (const balancer of byChoice.values()) balancer.update(endpoints);
      tellUse();
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
