import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import type { CallStatus, Channel } from "#mesh/channel";
import type { CallPolicy } from "#mesh/contract";
import {
  type AttemptInfo,
  type CallExplanation,
  type CallGuards,
  type CallRequest,
  type CallResult,
  type EndSignal,
  type Outcome,
  runCall,
  type TargetGuards,
} from "#mesh/resilience";
import { injectFault, routeCall } from "#mesh/traffic";
import type { Balancers } from "./balancers.ts";
import { type ClientMeter, furtherAttempts } from "./client-meter.ts";
import type { EndpointChannels } from "./endpoint-channels.ts";
import { type MeshCallRequest, sentHeader, type UnaryAnswer } from "./mesh-call.ts";
import { policyOf } from "./method-policy.ts";
import { sleep } from "./sleep.ts";
import type { StreamCall } from "./stream-call.ts";
import { trafficCall } from "./traffic-call.ts";
import { attemptUnary } from "./unary-attempt.ts";

/** How the calls of a target are made. */
export interface CallSettings {
  /** Service that is called, such as "shop.catalog". */
  readonly target: string;
  /** The rules of traffic to the target as they are now; undefined for none. */
  readonly traffic?: () => TrafficRules | undefined;
  /** Whether the rules may put faults into this process's calls. Default false. */
  readonly faultsAllowed?: boolean;
  /** Makes what counts the calls of a method. Called once for each method. */
  readonly meterOf?: (method: DescMethod) => ClientMeter;
  /** Told what became of each call, and why. */
  readonly onExplained?: (explanation: CallExplanation, requestId: string) => void;
}

/** What the calls of a target share. */
export interface CallParts {
  readonly settings: CallSettings;
  readonly channels: EndpointChannels;
  readonly balancers: Balancers;
  readonly guards: TargetGuards<UnaryAnswer>;
  /** Addresses of instances by id. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly meters: WeakMap<DescMethod, ClientMeter>;
}

/** Makes a unary call by the policies of its method. Never rejects. */
export function makeUnaryCall(
  parts: CallParts,
  request: MeshCallRequest,
  signal: EndSignal,
): Promise<CallResult<UnaryAnswer>> {
  const policy = policyOf(request.method);
  return makeCall<UnaryAnswer>(parts, request, {
    policy,
    call: { ...callRequest(parts, request), signal, fallback: policy.fallback && fallbackOf(request) },
    guards: parts.guards.of(request.path.slice(1), policy),
    attempt: (channel, info, ended) => attemptUnary(channel, request, info, ended),
  });
}

/** Makes a streaming call by the policies of its method. Never rejects. */
export function makeStreamCall(
  parts: CallParts,
  request: MeshCallRequest,
  stream: StreamCall,
): Promise<CallResult<CallStatus>> {
  const policy = policyOf(request.method);
  return makeCall<CallStatus>(parts, request, {
    policy,
    call: { ...callRequest(parts, request), signal: stream.signal, stream: true },
    // No answer stands in for a stream.
    guards: { ...parts.guards.of(request.path.slice(1), policy), answers: undefined },
    attempt: (channel, info, ended) => stream.attempt(channel, info, ended),
  });
}

interface Plan<T> {
  readonly policy: CallPolicy;
  readonly call: CallRequest<T>;
  readonly guards: CallGuards<T>;
  readonly attempt: (channel: Channel, info: AttemptInfo, signal: EndSignal) => Promise<Outcome<T>>;
}

async function makeCall<T>(parts: CallParts, request: MeshCallRequest, plan: Plan<T>): Promise<CallResult<T>> {
  const { settings, channels, balancers } = parts;
  const { policy, call, guards } = plan;
  const meter = meterOf(parts, request.method);
  const startedAt = performance.now();
  const result = await runCall<T>(policy, call, guards, {
    now: Date.now,
    random: Math.random,
    sleep,
    pick: (wish) => balancers.pick(policy.balance, { ...wish, ejected: orUnreachable(parts, wish.ejected) }),
    attempt: (endpoint, info, ended) => {
      const attempt = plan.attempt(channels.of(endpoint.address), info, ended);
      return meter ? counted(attempt, meter) : attempt;
    },
  });
  const { outcome, explanation } = result;
  settings.onExplained?.(explanation, request.requestId);
  meter?.callEnded(codeOf(outcome), performance.now() - startedAt, furtherAttempts(explanation));
  return result;
}

function meterOf({ settings, meters }: CallParts, method: DescMethod): ClientMeter | undefined {
  const known = meters.get(method);
  if (known || !settings.meterOf) return known;
  const meter = settings.meterOf(method);
  meters.set(method, meter);
  return meter;
}

async function counted<T>(attempt: Promise<Outcome<T>>, meter: ClientMeter): Promise<Outcome<T>> {
  meter.attemptStarted();
  const startedAt = performance.now();
  const outcome = await attempt;
  meter.attemptEnded(codeOf(outcome), performance.now() - startedAt);
  return outcome;
}

function codeOf(outcome: Outcome<unknown>): Code {
  return outcome.ok ? Code.OK : outcome.code;
}

/** What every kind of call asks for. */
function callRequest({ settings }: CallParts, request: MeshCallRequest): CallRequest<never> {
  const { target } = settings;
  const { path, deadlineMs, affinity } = request;
  const rules = settings.traffic?.();
  const traffic = rules && trafficCall(request);
  const faults = { allowed: settings.faultsAllowed ?? false, random: Math.random };
  return {
    ...{ method: path.slice(1), target, deadline: deadlineMs, key: affinity },
    route: rules && traffic && routeCall(rules, traffic, Math.random),
    fault: rules && traffic && injectFault(rules, traffic, faults),
  };
}

/** An endpoint that cannot be reached at the moment is as good as ejected. */
function orUnreachable({ channels, addresses }: CallParts, ejected: (id: string) => boolean) {
  return (id: string) => ejected(id) || channels.of(addresses.get(id) ?? id).unreachable;
}

function fallbackOf({ path, message, metadata }: MeshCallRequest): NonNullable<CallRequest<UnaryAnswer>["fallback"]> {
  const hash = createHash("sha256").update(sentHeader(metadata, "authorization") ?? "");
  const key = `${path} ${hash
    .update("\0")
    .update(message ?? "")
    .digest("base64")}`;
  return { key, empty: () => ({ header: {}, message: Buffer.alloc(0), trailer: {} }) };
}
