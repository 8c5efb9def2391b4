import { performance } from "node:perf_hooks";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Picked } from "#mesh/balance";
import type { Call, CallListener, CallRequest, CallStatus, Channel } from "#mesh/channel";
import type { CallGuards } from "#mesh/resilience";
import type { ClientMeter } from "./client-meter.ts";

/** What a stream is made on. */
export interface StreamWay {
  readonly picked: Picked;
  readonly channel: Channel;
  readonly guards: Pick<CallGuards<unknown>, "breaker" | "ejection">;
  readonly meter: ClientMeter | undefined;
}

/** Starts a stream at one endpoint, and notes what its end says about it. A stream is never tried again. */
export function startStream(request: CallRequest, listener: CallListener, way: StreamWay): Call {
  const { picked, channel, guards, meter } = way;
  const entered = guards.breaker?.tryEnter(Date.now());
  if (entered && !entered.allowed) {
    picked.done();
    const message = `the breaker is open for another ${Math.ceil(entered.retryAfterMs)} ms`;
    meter?.callEnded(Code.UNAVAILABLE, 0, undefined);
    return failedCall(listener, { code: Code.UNAVAILABLE, message, trailer: {} });
  }
  const startedAt = performance.now();
  meter?.attemptStarted();
  return channel.start(request, {
    onHeader: (header) => listener.onHeader(header),
    onMessage: (message) => listener.onMessage(message),
    onWritable: () => listener.onWritable(),
    onEnd(status) {
      picked.done();
      const verdict = verdictOf(status);
      guards.ejection?.record(picked.endpoint.id, verdict, Date.now());
      entered?.permit.end(verdict, Date.now());
      const durationMs = performance.now() - startedAt;
      meter?.attemptEnded(status.code, durationMs);
      meter?.callEnded(status.code, durationMs, undefined);
      listener.onEnd(status);
    },
  });
}

/** How long a stream lasts is its own affair: of failures, only a server that is not there counts against it. */
function verdictOf({ code }: CallStatus): "success" | "failure" | "nothing" {
  if (code === Code.UNAVAILABLE) return "failure";
  return code === Code.CANCELLED ? "nothing" : "success";
}

/** A call that has ended before it began. */
export function failedCall(listener: CallListener, status: CallStatus): Call {
  let told = false;
  const end = (how: CallStatus) => {
    if (told) return;
    told = true;
    listener.onEnd(how);
  };
  process.nextTick(end, status);
  return {
    write: () => true,
    halfClose() {},
    read() {},
    cancel: (code, message) => end({ code, message, trailer: {} }),
  };
}
