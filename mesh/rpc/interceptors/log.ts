import { performance } from "node:perf_hooks";
import { Code } from "@connectrpc/connect";
import type { Caller } from "#mesh/identity";
import type { CallMeter, CallRecord } from "../call-record.ts";
import { textOf } from "../metadata.ts";
import type { CallEnd, ServerCall } from "../server-call.ts";
import type { Interceptor } from "../step.ts";

/** Codes that mean that the server is at fault, by the table of https://grpc.io/docs/guides/status-codes/. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([Code.Unknown, Code.Internal, Code.DataLoss]);
const WORTH_A_LOOK: ReadonlySet<number> = new Set([Code.DeadlineExceeded, Code.Unavailable, Code.ResourceExhausted]);

/** Who is told of calls beside the log. */
export interface CallListeners {
  readonly onCallEnd: ((record: CallRecord) => void) | undefined;
  readonly meter: CallMeter | undefined;
}

/** Writes one line for each finished call, and tells those who listen about it. */
export function logCalls({ onCallEnd, meter }: CallListeners): Interceptor {
  const tell = (call: ServerCall, end: CallEnd) => {
    const durationMs = performance.now() - call.startedAt;
    meter?.ended(end.code, durationMs);
    writeLine(call, end, durationMs);
    onCallEnd?.({
      side: "server",
      method: call.method,
      code: end.code,
      durationMs,
      peer: call.caller.service,
      trace: call.trace,
      requestId: call.requestId,
    });
  };
  return (next) => (call) => {
    meter?.started();
    call.onEnd = tell;
    return next(call);
  };
}

function writeLine(call: ServerCall, end: CallEnd, durationMs: number): void {
  const level = levelOf(call, end);
  const { log } = call.served;
  if (!log.isLevelEnabled(level)) return;
  const line = {
    code: end.code === 0 ? "ok" : Code[end.code],
    ms: Math.round(durationMs * 100) / 100,
    caller: nameOf(call.caller),
    requestId: call.requestId,
    traceId: call.trace.traceId,
    mirrored: textOf(call.metadata, "heddle-mirrored") === undefined ? undefined : true,
  };
  if (end.code === 0) log[level](line, "call");
  else log[level]({ ...line, reason: end.message, errorId: end.fault?.id, err: end.fault?.cause }, "call");
}

/** Probes and reflection would drown the rest. */
function levelOf(call: ServerCall, end: CallEnd): "debug" | "info" | "warn" | "error" {
  if (SERVER_FAULTS.has(end.code)) return "error";
  if (!call.served.policy) return "debug";
  return WORTH_A_LOOK.has(end.code) ? "warn" : "info";
}

function nameOf({ user, service }: Caller): string | undefined {
  if (!user) return service;
  return service ? `${user.id} via ${service}` : user.id;
}
