import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import { after, type CallStatus, type Channel } from "#mesh/channel";
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
import { steer, type TrafficSettings } from "./traffic-call.ts";
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
  /** What the calls of each method share. */
  readonly methods: WeakMap<DescMethod, CalledMethod>;
}

interface CalledMethod {
  /** "shop.catalog.v1.CatalogService/GetProduct". */
  readonly name: string;
  readonly policy: CallPolicy;
  readonly guards: CallGuards<UnaryAnswer>;
  readonly meter: ClientMeter | undefined;
}

/** Makes a unary call by the policies of its method. Never rejects. */
export function makeUnaryCall(
  parts: CallParts,
  request: MeshCallRequest,
  signal: EndSignal,
): Promise<CallResult<UnaryAnswer>> {
  const method = methodOf(parts, request);
  const { policy, guards } = method;
  const { mirror, ...steered } = steer(parts.settings, request);
  const fallback = policy.fallback && fallbackOf(request);
  return makeCall<UnaryAnswer>(parts, request, {
    method,
    guards,
    call: { ...callRequest(parts, request, method), ...steered, signal, fallback },
    // A copy is a repetition.
    copyTo: policy.idempotent ? mirror : undefined,
    attempt: (channel, info, ended) => attemptUnary(channel, request, info, ended),
  });
}

/** Makes a streaming call by the policies of its method. Never rejects. */
export function makeStreamCall(
  parts: CallParts,
  request: MeshCallRequest,
  stream: StreamCall,
): Promise<CallResult<CallStatus>> {
  const method = methodOf(parts, request);
  const { route, fault } = steer(parts.settings, request);
  return makeCall<CallStatus>(parts, request, {
    method,
    // No answer stands in for a stream.
    guards: { ...method.guards, answers: undefined },
    call: { ...callRequest(parts, request, method), route, fault, signal: stream.signal, stream: true },
    attempt: (channel, info, ended) => stream.attempt(channel, info, ended),
  });
}

interface Plan<T> {
  readonly method: CalledMethod;
  readonly guards: CallGuards<T>;
  readonly call: CallRequest<T>;
  /** Version that gets a copy. */
  readonly copyTo?: string | undefined;
  readonly attempt: (channel: Channel, info: AttemptInfo, signal: EndSignal) => Promise<Outcome<T>>;
}

function makeCall<T>(parts: CallParts, request: MeshCallRequest, plan: Plan<T>): Promise<CallResult<T>> {
  const { channels, balancers } = parts;
  const { method, call, guards, copyTo } = plan;
  const { policy, meter } = method;
  return runCall<T>(policy, call, guards, {
    now: Date.now,
    random: Math.random,
    sleep,
    after,
    unreachable: (id) => isUnreachable(parts, id),
    pick: (wish) => balancers.pick(policy.balance, wish),
    attempt: (endpoint, info, ended) => {
      const attempt = plan.attempt(channels.of(endpoint.address), info, ended);
      if (copyTo !== undefined && info.number === 1 && endpoint.version !== copyTo) {
        // Not even a defect of the transport may reach the call itself.
        sendCopy(parts, request, copyTo).catch(() => undefined);
      }
      return meter ? counted(attempt, meter) : attempt;
    },
  });
}

/** Explains and counts a call that was made, and began at `startedAt` of performance.now(). */
export function noteCall(
  parts: CallParts,
  request: MeshCallRequest,
  { outcome, explanation }: CallResult<unknown>,
  startedAt: number,
): void {
  parts.settings.onExplained?.(explanation, request.requestId);
  const { meter } = methodOf(parts, request);
  meter?.callEnded(codeOf(outcome), performance.now() - startedAt, furtherAttempts(explanation));
}

/** Sends a copy of a call to a version; nothing when that has no instance, or too many are under way. */
async function sendCopy(parts: CallParts, request: MeshCallRequest, version: string): Promise<void> {
  const { channels, guards, mirror } = parts;
  const now = Date.now();
  const ejected = (id: string) => guards.shared.ejection?.isEjected(id, now) === true || isUnreachable(parts, id);
  const wish = { now, tried: NONE, ejected, key: request.affinity, version };
  const { policy, meter } = methodOf(parts, request);
  const picked = mirror.pick(policy.balance, wish);
  if (picked) await mirror.send(request, { picked, channel: channels.of(picked.endpoint.address), meter });
  else meter?.copyDropped();
}

const NONE: ReadonlySet<string> = new Set();

function methodOf({ settings, guards, methods }: CallParts, { method, path }: MeshCallRequest): CalledMethod {
  const known = methods.get(method);
  if (known) return known;
  const name = path.slice(1);
  const policy = policyOf(method);
  const called = { name, policy, guards: guards.of(name, policy), meter: settings.meterOf?.(method) };
  methods.set(method, called);
  return called;
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
  { deadlineMs, affinity }: MeshCallRequest,
  { name }: CalledMethod,
): CallRequest<never> {
  return { method: name, target: settings.target, deadline: deadlineMs, key: affinity };
}

function isUnreachable({ channels, addresses }: CallParts, id: string): boolean {
  return channels.of(addresses.get(id) ?? id).unreachable;
}

function fallbackOf({ path, message, metadata }: MeshCallRequest): NonNullable<CallRequest<UnaryAnswer>["fallback"]> {
  const hash = createHash("sha256").update(sentHeader(metadata, "authorization") ?? "");
  const key = `${path} ${hash
    .update("\0")
    .update(message ?? "")
    .digest("base64")}`;
  return { key, empty: () => ({ header: {}, message: Buffer.alloc(0), trailer: {} }) };
}
