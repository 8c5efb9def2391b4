import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import type { Call, CallListener } from "#mesh/channel";
import type { CallPolicy, TargetPolicy } from "#mesh/contract";
import type { Instance } from "#mesh/discovery";
import {
  type CallExplanation,
  type CallRequest,
  createTargetGuards,
  Ending,
  type EndSignal,
  type Outcome,
  runCall,
  type TargetGuards,
} from "#mesh/resilience";
import { injectFault, routeCall, type TrafficCall } from "#mesh/traffic";
import { type Balancers, type CallerPlace, createBalancers, type TargetEndpoint } from "./balancers.ts";
import { type ClientMeter, furtherAttempts } from "./client-meter.ts";
import { createEndpointChannels, type EndpointChannels, type OpenEndpoint } from "./endpoint-channels.ts";
import { createEndpointHealth } from "./endpoint-health.ts";
import { type MeshCallRequest, type MeshChannel, sentHeader, type UnaryAnswer } from "./mesh-call.ts";
import { policyOf } from "./method-policy.ts";
import { sleep } from "./sleep.ts";
import { failedCall, startStream } from "./stream-call.ts";
import { attemptUnary } from "./unary-attempt.ts";
import { UnaryCall } from "./unary-call.ts";

/** Whom a target channel calls, and how. */
export interface TargetOptions {
  /** Service that is called, such as "shop.catalog". */
  readonly target: string;
  /** What its methods share. */
  readonly policy: TargetPolicy;
  readonly place: CallerPlace;
  /** Publishes the instances, first as soon as they are known. Returns what ends that. */
  readonly watch: (publish: (instances: readonly Instance[]) => void) => () => void;
  readonly open: OpenEndpoint;
  /** The rules of traffic to the target as they are now; undefined for none. */
  readonly traffic?: () => TrafficRules | undefined;
  /** Whether the rules may put faults into this process's calls. Default false. */
  readonly faultsAllowed?: boolean;
  /** Makes what counts the calls of a method. Called once for each method. */
  readonly meterOf?: (method: DescMethod) => ClientMeter;
  /** Told what became of each unary call, and why. */
  readonly onExplained?: (explanation: CallExplanation, requestId: string) => void;
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

/** How long a call waits for the first instances to be known, in milliseconds, unless its deadline is earlier. */
const firstWaitMs = 2_000;

/** Creates the channel to a target. It connects to an instance with the first call that goes there. */
export function createTargetChannel(options: TargetOptions): TargetChannel {
  const channels = createEndpointChannels(options.open);
  const health = createEndpointHealth(channels.of, balance);
  // A lone endpoint is called whatever it says of itself: asking it would be a stream for nothing.
  const balancers = createBalancers(options.place, (used) => health.watch(used.size > 1 ? used : new Set()));
  const guards = createTargetGuards<UnaryAnswer>(options.policy);
  const known = Promise.withResolvers<void>();
  const addresses = new Map<string, string>();
  const parts: Parts = { options, channels, balancers, guards, addresses, meters: new Map() };
  let isKnown = false;
  let instances: readonly Instance[] = [];

  function balance(): void {
    balancers.update(instances.map((instance) => asItSays(instance, health.isUnhealthy(instance.address))));
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

  async function runUnary(request: MeshCallRequest, call: UnaryCall): Promise<void> {
    if (!isKnown) await untilKnown(known.promise, request.deadlineMs, call.signal);
    call.settle(await callUnary(parts, request, call.signal));
  }

  return {
    start(request, listener) {
      if (request.method.methodKind !== "unary") return callStream(parts, request, listener);
      const call = new UnaryCall(listener);
      void runUnary(request, call);
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

/** One that is leaving leaves, however it is. */
function asItSays(instance: Instance, unhealthy: boolean): TargetEndpoint {
  return unhealthy && instance.state === "serving" ? { ...instance, state: "unhealthy" } : instance;
}

interface Parts {
  readonly options: TargetOptions;
  readonly channels: EndpointChannels;
  readonly balancers: Balancers;
  readonly guards: TargetGuards<UnaryAnswer>;
  /** Addresses of instances by id. */
  readonly addresses: Map<string, string>;
  readonly meters: Map<DescMethod, ClientMeter>;
}

function meterOf({ options, meters }: Parts, method: DescMethod): ClientMeter | undefined {
  const known = meters.get(method);
  if (known || !options.meterOf) return known;
  const meter = options.meterOf(method);
  meters.set(method, meter);
  return meter;
}

async function callUnary(parts: Parts, request: MeshCallRequest, signal: EndSignal) {
  const { options, channels, balancers } = parts;
  const policy = policyOf(request.method);
  const method = request.path.slice(1);
  const meter = meterOf(parts, request.method);
  const startedAt = performance.now();
  const { outcome, explanation } = await runCall<UnaryAnswer>(
    policy,
    { ...callRequest(parts, request, policy), signal },
    parts.guards.of(method, policy),
    {
      now: Date.now,
      random: Math.random,
      sleep,
      pick: (wish) => balancers.pick(policy.balance, { ...wish, ejected: orUnreachable(parts, wish.ejected) }),
      attempt: (endpoint, info, ended) => {
        const attempt = attemptUnary(channels.of(endpoint.address), request, info, ended);
        return meter ? counted(attempt, meter) : attempt;
      },
    },
  );
  options.onExplained?.(explanation, request.requestId);
  meter?.callEnded(codeOf(outcome), performance.now() - startedAt, furtherAttempts(explanation));
  return outcome;
}

async function counted(attempt: Promise<Outcome<UnaryAnswer>>, meter: ClientMeter): Promise<Outcome<UnaryAnswer>> {
  meter.attemptStarted();
  const startedAt = performance.now();
  const outcome = await attempt;
  meter.attemptEnded(codeOf(outcome), performance.now() - startedAt);
  return outcome;
}

function codeOf(outcome: Outcome<unknown>): Code {
  return outcome.ok ? Code.OK : outcome.code;
}

function callRequest({ options }: Parts, request: MeshCallRequest, policy: CallPolicy): CallRequest<UnaryAnswer> {
  const { target } = options;
  const { path, deadlineMs, affinity, metadata } = request;
  const rules = options.traffic?.();
  const traffic = rules && trafficCall(request);
  const faults = { allowed: options.faultsAllowed ?? false, random: Math.random };
  return {
    ...{ method: path.slice(1), target, deadline: deadlineMs, key: affinity },
    route: rules && traffic && routeCall(rules, traffic, Math.random),
    fault: rules && traffic && injectFault(rules, traffic, faults),
    fallback: policy.fallback && {
      key: answerKey(request, sentHeader(metadata, "authorization")),
      empty: () => ({ header: {}, message: Buffer.alloc(0), trailer: {} }),
    },
  };
}

/** An endpoint that cannot be reached at the moment is as good as ejected. */
function orUnreachable({ channels, addresses }: Parts, ejected: (id: string) => boolean) {
  return (id: string) => ejected(id) || channels.of(addresses.get(id) ?? id).unreachable;
}

function callStream(parts: Parts, request: MeshCallRequest, listener: CallListener): Call {
  const { options, channels, balancers } = parts;
  const policy = policyOf(request.method);
  const guards = parts.guards.of(request.path.slice(1), policy);
  const meter = meterOf(parts, request.method);
  const rules = options.traffic?.();
  const route = rules && routeCall(rules, trafficCall(request), Math.random);
  const now = Date.now();
  const ejected = orUnreachable(parts, (id) => guards.ejection?.isEjected(id, now) ?? false);
  const wish = { now, ejected, tried: new Set<string>(), key: request.affinity };
  const picked =
    balancers.pick(policy.balance, { ...wish, version: route?.version }) ?? balancers.pick(policy.balance, wish);
  if (!picked) {
    const message = `no endpoint of ${options.target} is known`;
    meter?.callEnded(Code.UNAVAILABLE, 0, undefined);
    return failedCall(listener, { code: Code.UNAVAILABLE, message, trailer: {} });
  }
  return startStream(request, listener, { picked, channel: channels.of(picked.endpoint.address), guards, meter });
}

/** What rules of traffic see: the user's id is read from the token without looking at its signature, for nothing but the route. */
function trafficCall({ path, metadata }: MeshCallRequest): TrafficCall {
  return {
    method: path.slice(1),
    header: (name) => sentHeader(metadata, name),
    user: userOf(sentHeader(metadata, "authorization")),
  };
}

function userOf(authorization: string | undefined): string | undefined {
  const payload = authorization?.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const { sub } = JSON.parse(Buffer.from(payload, "base64url").toString());
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}

function answerKey({ path, message }: MeshCallRequest, authorization = ""): string {
  const hash = createHash("sha256").update(authorization).update("\0");
  return `${path} ${hash.update(message ?? "").digest("base64")}`;
}

async function untilKnown(known: Promise<void>, deadlineMs: number, signal: EndSignal): Promise<void> {
  const waited = new Ending();
  const end = () => waited.abort();
  signal.addEventListener("abort", end);
  await Promise.race([known, sleep(Math.min(firstWaitMs, deadlineMs - Date.now()), waited)]);
  signal.removeEventListener("abort", end);
  end();
}
