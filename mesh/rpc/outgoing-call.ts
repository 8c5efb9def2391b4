import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { appendMetadata, type SentMetadata, toAscii } from "#mesh/channel";
import { declaredDeadlineMs } from "#mesh/contract";
import type { ClientIdentity } from "#mesh/identity";
import { currentScope, type Scope } from "#mesh/scope";
import {
  childTrace,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  randomHex,
  type TraceContext,
} from "#mesh/telemetry";
import { pathOf } from "./served-method.ts";

/** What every call takes along, whatever carries it. */
export interface OutgoingCall {
  readonly method: DescMethod;
  /** That of the method in gRPC. */
  readonly path: string;
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadline: number;
  readonly metadata: SentMetadata;
  readonly trace: TraceContext;
  readonly requestId: string;
  /** The call ends when one of them aborts. */
  readonly signals: readonly AbortSignal[];
  /** Whether the error of a failed call says how it was made. */
  readonly explained: boolean;
  /** Value by which calls keep to one endpoint. */
  readonly affinity?: string;
}

/** What the one who calls asks for. */
export interface CallWish {
  readonly signal: AbortSignal | undefined;
  /** Longest duration in milliseconds; undefined or 0 for no wish. */
  readonly timeoutMs: number | undefined;
  readonly header?: ConstructorParameters<typeof Headers>[0];
  /** Further metadata, of names that the mesh does not use itself. */
  readonly metadata?: SentMetadata;
}

/** Who calls. */
export interface CallerSide {
  readonly identity?: ClientIdentity | undefined;
  readonly forwardUser?: boolean;
}

/** What is the same for all calls of a method. */
const methods = new WeakMap<DescMethod, { readonly path: string; readonly limitMs: number }>();

/**
 * Prepares a call made by the work that is running: its deadline is the earliest of the work's own, the wish and the
 * called method's policy; it goes on the work's trace and under its request id, ends with it, and shows the service's
 * identity and the user's token. A promise only where the identity's proof is one.
 */
export function prepareCall(
  method: DescMethod,
  wish: CallWish,
  side: CallerSide,
): OutgoingCall | Promise<OutgoingCall> {
  const scope = currentScope();
  const { identity, forwardUser = true } = side;
  const proof = identity?.tls ? undefined : identity?.header();
  return proof instanceof Promise
    ? proof.then((shown) => prepare(method, wish, { scope, forwardUser, proof: shown }))
    : prepare(method, wish, { scope, forwardUser, proof });
}

/** In whose name a call is made. */
interface Caller {
  readonly scope: Scope | undefined;
  readonly forwardUser: boolean;
  readonly proof: string | undefined;
}

function prepare(method: DescMethod, wish: CallWish, { scope, forwardUser, proof }: Caller): OutgoingCall {
  const header = wish.header === undefined ? undefined : new Headers(wish.header);
  const parent = scope?.trace ?? parseTraceparent(header?.get("traceparent"));
  const trace = parent ? childTrace(parent) : newTrace();
  const requestId = scope?.requestId ?? header?.get("x-request-id") ?? randomHex(16);
  const metadata = ["traceparent", formatTraceparent(trace), "x-request-id", toAscii(requestId)];
  if (scope?.authorization && forwardUser && !header?.has("authorization")) {
    metadata.push("authorization", toAscii(scope.authorization));
  }
  if (proof) metadata.push("heddle-service", proof);
  if (header) appendOthers(metadata, header);
  if (wish.metadata) metadata.push(...wish.metadata);
  const signals = bothSignals(wish.signal, scope?.signal);
  const { path, limitMs } = methodOf(method);
  const ownDeadline = Date.now() + (wish.timeoutMs ? Math.min(wish.timeoutMs, limitMs) : limitMs);
  const deadline = Math.min(scope?.deadline ?? Number.POSITIVE_INFINITY, ownDeadline);
  return { method, path, deadline, metadata, trace, requestId, signals, explained: scope?.explained ?? false };
}

/** Whoever works in a scope often passes that scope's own signal: one listener is enough. */
function bothSignals(wish: AbortSignal | undefined, own: AbortSignal | undefined): readonly AbortSignal[] {
  if (!wish || wish === own) return own ? [own] : NO_SIGNALS;
  return own ? [wish, own] : [wish];
}

const NO_SIGNALS: readonly AbortSignal[] = [];

/** What the caller adds, without what the mesh says itself. */
function appendOthers(metadata: string[], header: Headers): void {
  const own = new Set(metadata.filter((_, at) => at % 2 === 0));
  for (const [name, value] of header) if (!own.has(name)) appendMetadata(metadata, name, value);
}

/** Why a signal has aborted, as the error that the call ends with. */
export function abortError(signal: AbortSignal): ConnectError {
  const { reason } = signal;
  if (reason instanceof ConnectError) return reason;
  const timedOut = reason instanceof DOMException && reason.name === "TimeoutError";
  return ConnectError.from(reason, timedOut ? Code.DeadlineExceeded : Code.Canceled);
}

/** Calls `listener` when one of the signals aborts; returns what takes the listeners off again. */
export function onAbort(signals: readonly AbortSignal[], listener: (error: ConnectError) => void): () => void {
  const heard = () => {
    for (const signal of signals) if (signal.aborted) return listener(abortError(signal));
  };
  for (const signal of signals) signal.addEventListener("abort", heard);
  return () => {
    for (const signal of signals) signal.removeEventListener("abort", heard);
  };
}

function methodOf(method: DescMethod) {
  const known = methods.get(method);
  if (known) return known;
  const facts = { path: pathOf(method), limitMs: declaredDeadlineMs(method) };
  methods.set(method, facts);
  return facts;
}
