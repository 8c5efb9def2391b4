import { performance } from "node:perf_hooks";
import type { TargetPolicy } from "#mesh/contract";
import type { Instance } from "#mesh/discovery";
import { type CallResult, createTargetGuards, type EndSignal, type Outcome, type TargetGuards } from "#mesh/resilience";
import { type Balancers, type CallerPlace, createBalancers, type TargetEndpoint } from "./balancers.ts";
import { createEndpointChannels, type OpenEndpoint } from "./endpoint-channels.ts";
import { createEndpointHealth } from "./endpoint-health.ts";
import { type CallParts, type CallSettings, makeStreamCall, makeUnaryCall, noteCall } from "./make-call.ts";
import type { MeshCallListener, MeshCallRequest, MeshChannel, UnaryAnswer } from "./mesh-call.ts";
import { createMirror } from "./mirror.ts";
import { StreamCall } from "./stream-call.ts";
import { UnaryCall } from "./unary-call.ts";
import { untilKnown } from "./until-known.ts";

/** Whom a target channel calls, and how. */
export interface TargetOptions extends CallSettings {
  /** What its methods share. */
  readonly policy: TargetPolicy;
  readonly place: CallerPlace;
  /** Publishes the instances, first as soon as they are known. Returns what ends that. */
  readonly watch: (publish: (instances: readonly Instance[]) => void) => () => void;
  readonly open: OpenEndpoint;
}

/** What is known of a target at the moment. */
export interface TargetView {
  readonly target: string;
  readonly endpoints: ReturnType<Balancers["snapshot"]>;
  readonly guards: TargetGuards<UnaryAnswer>;
  /** Whether the channel to an address would have to wait before it can try to connect. */
  unreachable(address: string): boolean;
}

/** A channel to all instances of a service, by the policies of its methods. */
export interface TargetChannel extends MeshChannel {
  view(): TargetView;
}

/** Creates the channel to a target. It connects to an instance with the first call that goes there. */
export function createTargetChannel(options: TargetOptions): TargetChannel {
  const channels = createEndpointChannels(options.open);
  const health = createEndpointHealth(channels.of, balance);
  // A lone endpoint is called whatever it says of itself: asking it would be a stream for nothing.
  const balancers = createBalancers(options.place, (used) => health.watch(used.size > 1 ? used : new Set()));
  const mirror = createMirror(options.place);
  const guards = createTargetGuards<UnaryAnswer>(options.policy);
  const known = Promise.withResolvers<void>();
  const addresses = new Map<string, string>();
  const parts: CallParts = {
    ...{ settings: options, channels, balancers, guards, mirror, addresses },
    methods: new WeakMap(),
  };
  let isKnown = false;
  let instances: readonly Instance[] = [];

  function balance(): void {
    const endpoints = instances.map((instance) => asItSays(instance, health.isUnhealthy(instance.address)));
    balancers.update(endpoints);
    mirror.update(endpoints);
  }

  const endWatch = options.watch((published) => {
    instances = published;
    addresses.clear();
    for (const { id, address } of instances) addresses.set(id, address);
    // First: what is no longer asked for its health does not hold up the drain of its channel.
    balance();
    channels.update(instances.map(({ address }) => address));
    guards.shared.ejection?.update(instances.map(({ id }) => id));
    isKnown = true;
    known.resolve();
  });

  async function run<T>(request: MeshCallRequest, listener: MeshCallListener, { call, make }: Made<T>): Promise<void> {
    if (!isKnown) await untilKnown(known.promise, request.deadlineMs, call.signal);
    const startedAt = performance.now();
    const result = await make();
    noteCall(parts, request, result, startedAt);
    const { outcome, explanation } = result;
    if (!outcome.ok) listener.onFailed?.(explanation);
    call.settle(outcome);
  }

  return {
    start(request, listener) {
      if (request.method.methodKind !== "unary") {
        const call = new StreamCall(request, listener);
        void run(request, listener, { call, make: () => makeStreamCall(parts, request, call) });
        return call;
      }
      const call = new UnaryCall(listener);
      void run(request, listener, { call, make: () => makeUnaryCall(parts, request, call.signal) });
      return call;
    },
    view: () => ({
      target: options.target,
      endpoints: balancers.snapshot(),
      guards,
      unreachable: (address) => channels.of(address).unreachable,
    }),
    close() {
      endWatch();
      health.watch(new Set());
      channels.close();
    },
  };
}

/** A call and what makes its attempts. */
interface Made<T> {
  readonly call: { readonly signal: EndSignal; settle(outcome: Outcome<T>): void };
  readonly make: () => Promise<CallResult<T>>;
}

/** One that is leaving leaves, however it is. */
function asItSays(instance: Instance, unhealthy: boolean): TargetEndpoint {
  return unhealthy && instance.state === "serving" ? { ...instance, state: "unhealthy" } : instance;
}
