import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type BreakerSchema, DataPlaneService, type TargetSchema } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { BrokerFault } from "#mesh/nats";
import { type Breaker, explanationMessage } from "#mesh/resilience";
import { implement, type RpcService, type TargetTransport } from "#mesh/rpc";
import type { RememberedCalls, TargetView } from "#mesh/target";
import { TrafficRulesError, type TrafficStore } from "#mesh/traffic";

/** What the handlers look into. */
export interface DataPlaneParts {
  transports(): readonly Pick<TargetTransport, "view">[];
  readonly calls: Pick<RememberedCalls, "of">;
  readonly traffic: Pick<TrafficStore, "rules" | "read" | "write">;
}

/** DataPlaneService of one process: the calls that it makes. */
export function dataPlaneHandlers({ transports, calls, traffic }: DataPlaneParts): RpcService {
  const views = () => transports().map((transport) => transport.view());
  return implement(DataPlaneService, {
    listTargets: async () => ({
      targets: views()
        .map((view) => targetMessage(view, traffic))
        .toSorted(byName),
    }),
    resetBreakers: async ({ target }) => resetBreakers(views(), target),
    explainCalls: async ({ requestId }) => ({ calls: calls.of(requestId).map(explanationMessage) }),
    getTrafficRules: async ({ target }) => ({ rules: await known(() => traffic.read(target)) }),
    async setTrafficRules({ target, rules }) {
      await known(() => traffic.write(target, rules ?? create(TrafficRulesSchema)));
      return {};
    },
  });
}

async function known<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TrafficRulesError) throw new ConnectError(error.message, Code.InvalidArgument);
    if (error instanceof BrokerFault) throw new ConnectError(error.message, Code.Unavailable);
    throw error;
  }
}

function resetBreakers(views: readonly TargetView[], target: string): Record<string, never> {
  const meant = views.filter((view) => view.target === target);
  if (meant.length === 0) throw new ConnectError(`this process has not called ${target}`, Code.NotFound);
  for (const { guards } of meant) {
    guards.shared.breaker?.reset(Date.now());
    for (const { breaker } of guards.methods().values()) breaker?.reset(Date.now());
  }
  return {};
}

function byName({ name: a = "" }: { name?: string }, { name: b = "" }: { name?: string }): number {
  return a < b ? -1 : 1;
}

function targetMessage(view: TargetView, traffic: Pick<TrafficStore, "rules">): MessageInitShape<typeof TargetSchema> {
  const { target, guards } = view;
  const { breaker, bulkhead, budget } = guards.shared;
  const now = Date.now();
  const { underWay = 0, waiting = 0 } = bulkhead?.snapshot() ?? {};
  const rules = traffic.rules(target);
  return {
    name: target,
    endpoints: endpointMessages(view, now),
    ...(breaker && { breaker: breakerMessage(breaker, now) }),
    callsUnderWay: underWay,
    callsWaiting: waiting,
    ...(budget && { budgetLeft: budget.left(now) }),
    methods: [...guards.methods()].map(([name, { latency }]) => ({
      name,
      ...optionalDuration("p50", latency.quantile(0.5, 20, now)),
      ...optionalDuration("p95", latency.quantile(0.95, 20, now)),
    })),
    ...(rules && { traffic: rules }),
  };
}

function endpointMessages({ endpoints, guards, unreachable }: TargetView, now: number) {
  const ejections = new Map(guards.shared.ejection?.snapshot(now).map((one) => [one.id, one.ejectedUntil]));
  return endpoints
    .map(({ endpoint: { id, address, version, zone, state }, inFlight }) => {
      const until = ejections.get(id);
      return {
        ...{ id, address, version, zone, state, callsUnderWay: inFlight, unreachable: unreachable(address) },
        ...(until !== undefined && { ejectedUntil: timestampFromMs(until) }),
      };
    })
    .toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

function breakerMessage(breaker: Breaker, now: number): MessageInitShape<typeof BreakerSchema> {
  const { state, since, consecutiveFailures, successes, failures } = breaker.snapshot(now);
  return { state, consecutiveFailures, successes, failures, ...(since > 0 && { since: timestampFromMs(since) }) };
}

function optionalDuration<Name extends string>(name: Name, ms: number | undefined) {
  return ms === undefined ? {} : { [name]: durationFromMs(Math.round(ms * 1000) / 1000) };
}
