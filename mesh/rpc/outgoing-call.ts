import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { appendMetadata, type SentMetadata } from "#mesh/channel";
import { declaredDeadlineMs } from "#mesh/contract";
import type { ClientIdentity } from "#mesh/identity";
import { currentScope } from "#mesh/scope";
import {
  childTrace,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  randomHex,
  type TraceContext,
} from "#mesh/telemetry";

/** What every call takes along, whatever carries it. */
export interface OutgoingCall {
  readonly method: DescMethod;
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

const policyDeadlines = new WeakMap<DescMethod, number>();

/**
 * Prepares a call made by the work that is running: its deadline is the earliest of the work's own, the wish and the
 * called method's policy; it goes on the work's trace and under its request id, ends with it, and shows the service's
 * identity and the user's token.
 */
export async function prepareCall(method: DescMethod, wish: CallWish, side: CallerSide): Promise<OutgoingCall> {
  const scope = currentScope();
  const header = wish.header === undefined ? undefined : new Headers(wish.header);
  const parent = scope?.trace ?? parseTraceparent(header?.get("traceparent"));
  const trace = parent ? childTrace(parent) : newTrace();
  const requestId = scope?.requestId ?? header?.get("x-request-id") ?? randomHex(16);
  const metadata: string[] = ["traceparent", formatTraceparent(trace)];
  appendMetadata(metadata, "x-request-id", requestId);
  if (scope?.authorization && side.forwardUser !== false && !header?.has("authorization")) {
    appendMetadata(metadata, "authorization", scope.authorization);
  }
  if (side.identity && !side.identity.tls) {
    const shown = side.identity.header();
    const proof = typeof shown === "string" ? shown : await shown;
    if (proof) metadata.push("heddle-service", proof);
  }
  if (header) appendOthers(metadata, header);
  if (wish.metadata) metadata.push(...wish.metadata);
  const signals = bothSignals(wish.signal, scope?.signal);
  const deadline = Math.min(scope?.deadline ?? Number.POSITIVE_INFINITY, ownDeadline(method, wish.timeoutMs));
  return { method, deadline, metadata, trace, requestId, signals, explained: scope?.explained ?? false };
}

/** Whoever works in a scope often passes that scope's own signal: one listener is enough. */
function bothSignals(wish: AbortSignal | undefined, own: AbortSignal | undefined): readonly AbortSignal[] {
  if (!wish || wish === own) return own ? [own] : NO_SIGNALS;
  return own ? [wish, own] : [wish];
}

const ONCE = { once: true };
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
  const heard = ({ target }: Event) => {
    if (target instanceof AbortSignal) listener(abortError(target));
  };
  for (const signal of signals) signal.addEventListener("abort", heard, ONCE);
  return () => {
    for (const signal of signals) signal.removeEventListener("abort", heard);
  };
}

function ownDeadline(method: DescMethod, timeoutMs: number | undefined): number {
  let limitMs = policyDeadlines.get(method);
  if (limitMs === undefined) {
    limitMs = declaredDeadlineMs(method);
    policyDeadlines.set(method, limitMs);
  }
  return Date.now() + (timeoutMs ? Math.min(timeoutMs, limitMs) : limitMs);
}
