import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallStatus, Channel, ReceivedMetadata } from "#mesh/channel";
import type { AttemptInfo, EndSignal, Outcome, Progress } from "#mesh/resilience";
import { failureOf, withAttempts } from "./attempt-status.ts";
import type { MeshCallRequest, UnaryAnswer } from "./mesh-call.ts";

/** Makes one attempt of a unary call on one channel. */
export function attemptUnary(
  channel: Channel,
  { path, metadata, message }: MeshCallRequest,
  info: AttemptInfo,
  signal: EndSignal,
): Promise<Outcome<UnaryAnswer>> {
  return new Promise((resolve) => {
    let header: ReceivedMetadata | undefined;
    let answer: Buffer | undefined;
    const request = { path, metadata: withAttempts(metadata, info.number), deadlineMs: info.deadline };
    const call = channel.start(message ? { ...request, message } : request, {
      onHeader(received) {
        header = received;
      },
      onMessage(received) {
        if (answer) call.cancel(Code.UNIMPLEMENTED, "the server sent more than one response");
        answer = received;
        // The status comes only after everything is read.
        call.read();
      },
      onWritable() {},
      onEnd(status) {
        signal.removeEventListener("abort", cancel);
        resolve(outcomeOf(status, header, answer));
      },
    });
    const cancel = () => call.cancel(Code.CANCELLED, "the call was cancelled");
    signal.addEventListener("abort", cancel);
    call.read();
  });
}

function outcomeOf(
  status: CallStatus,
  header: ReceivedMetadata | undefined,
  message: Buffer | undefined,
): Outcome<UnaryAnswer> {
  const { trailer } = status;
  if (status.code === Code.OK && message) return { ok: true, value: { header: header ?? {}, message, trailer } };
  const failed = status.code === Code.OK ? NO_RESPONSE : status;
  return failureOf({ ...failed, header }, progressOf(failed, header));
}

/**
 * A call is committed by an answer that came to its end. One that broke off after its header is not, though gRFC A6 has it
 * so: there the caller has seen the header by then, here it gets header and message together at the end.
 */
function progressOf({ unprocessed, trailer }: CallStatus, header: ReceivedMetadata | undefined): Progress {
  if (unprocessed) return unprocessed === "unsent" ? "unsent" : "not_processed";
  return header && trailer["grpc-status"] !== undefined ? "committed" : "maybe_processed";
}

const NO_RESPONSE: CallStatus = { code: Code.UNIMPLEMENTED, message: "the server sent no response", trailer: {} };
