import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
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
import { codeOf } from "./attempt-status.ts";
import type { Balancers } from "./balancers.ts";
import { type ClientMeter, furtherAttempts } from "./client-meter.ts";
import type { EndpointChannels } from "./endpoint-channels.ts";
import { type MeshCallRequest, sentHeader, type UnaryAnswer } from "./mesh-call.ts";
import { policyOf } from "./method-policy.ts";
import type { Mirror } from "./mirror.ts";
import { sleep } from "./sleep.ts";
import type { StreamCall } from "./stream-call.ts";
import { type Steering, steer, type TrafficSettings } from "./traffic-call.ts";
import { attemptUnary } from "./unary-attempt.ts";

/** How the calls of a target are made. */
export interface CallSettings extends TrafficSettings {
  /** Service that is called, such as "shop.catalog". */
  readonly target: string;
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
  readonly mirror: Mirror;
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
  const steering = steer(parts.settings, request);
  return makeCall<UnaryAnswer>(parts, request, {
    policy,
    call: { ...callRequest(parts, request, steering), signal, fallback: policy.fallback && fallbackOf(request) },
    // A copy is a repetition.
    copyTo: policy.idempotent ? steering.mirror : undefined,
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
    call: { ...callRequest(parts, request, steer(parts.settings, request)), signal: stream.signal, stream: true },
    // No answer stands in for a stream.
    guards: { ...parts.guards.of(request.path.slice(1), policy), answers: undefined },
    attempt: (channel, info, ended) => stream.attempt(channel, info, ended),
  });
}

interface Plan<T> {
  readonly policy: CallPolicy;
  readonly call: CallRequest<T>;
  /** Version that gets a copy. */
  readonly copyTo?: string | undefined;
  readonly guards: CallGuards<T>;
  readonly attempt: (channel: Channel, info: AttemptInfo, signal: EndSignal) => Promise<Outcome<T>>;
}

async function makeCall<T>(parts: CallParts, request: MeshCallRequest, plan: Plan<T>): Promise<CallResult<T>> {
  const { settings, channels, balancers } = parts;
  const { policy, call, guards, copyTo } = plan;
  const meter = meterOf(parts, request.method);
  const startedAt = performance.now();
  const result = await runCall<T>(policy, call, guards, {
    now: Date.now,
    random: Math.random,
    sleep,
    pick: (wish) => balancers.pick(policy.balance, { ...wish, ejected: orUnreachable(parts, wish.ejected) }),
    attempt: (endpoint, info, ended) => {
      const attempt = plan.attempt(channels.of(endpoint.address), info, ended);
      if (copyTo !== undefined && info.number === 1 && endpoint.version !== copyTo) {
        // Not even a defect of the transport may reach the call itself.
        sendCopy(parts, request, copyTo).catch(() => undefined);
      }
      return meter ? counted(attempt, meter) : attempt;
    },
  });
  const { outcome, explanation } = result;
  settings.onExplained?.(explanation, request.requestId);
  meter?.callEnded(codeOf(outcome), performance.now() - startedAt, furtherAttempts(explanation));
  return result;
}

/** Sends a copy of a call to a version; nothing when that has no instance, or too many are under way. */
async function sendCopy(parts: CallParts, request: MeshCallRequest, version: string): Promise<void> {
  const { channels, guards, mirror } = parts;
  const now = Date.now();
  const ejected = orUnreachable(parts, (id) => guards.shared.ejection?.isEjected(id, now) ?? false);
  const wish = { now, tried: NONE, ejected, key: request.affinity, version };
  const picked = mirror.pick(policyOf(request.method).balance, wish);
  const meter = meterOf(parts, request.method);
  if (picked) await mirror.send(request, { picked, channel: channels.of(picked.endpoint.address), meter });
  else meter?.copyDropped();
}

const NONE: ReadonlySet<string> = new Set();

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

/** What every kind of call asks for. */
function callRequest(
  { settings }: CallParts,
  { path, deadlineMs, affinity }: MeshCallRequest,
  { route, fault }: Steering,
): CallRequest<never> {
  return { method: path.slice(1), target: settings.target, deadline: deadlineMs, key: affinity, route, fault };
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
