import { Code } from "#gen/google/rpc/code_pb.ts";
import { type Call, type CallStatus, type Channel, type ReceivedMetadata, UnaryListener } from "#mesh/channel";
import type { AttemptInfo, EndSignal, Outcome, Progress } from "#mesh/resilience";
import { failureOf, withAttempts } from "./attempt-status.ts";
import type { MeshCallRequest, UnaryAnswer } from "./mesh-call.ts";

/**
 * Makes one attempt of a unary call on one channel. It ends with the signal, which aborts at its deadline at the latest;
 * without a signal the channel watches the clock.
 */
export function attemptUnary(
  channel: Channel,
  { path, metadata, message }: MeshCallRequest,
  { number, deadline }: AttemptInfo,
  signal?: EndSignal,
): Promise<Outcome<UnaryAnswer>> {
  return new Promise((resolve) => {
    const attempt = new UnaryAttempt(resolve, signal);
    const sent = withAttempts(metadata, number);
    const request = { path, metadata: sent, deadlineMs: deadline, watched: signal !== undefined };
    attempt.begin(channel.start(message ? { ...request, message } : request, attempt));
  });
}

class UnaryAttempt extends UnaryListener {
  readonly #resolve: (outcome: Outcome<UnaryAnswer>) => void;
  readonly #signal: EndSignal | undefined;
  readonly #cancel = () => this.call?.cancel(Code.CANCELLED, "the call was cancelled");

  constructor(resolve: (outcome: Outcome<UnaryAnswer>) => void, signal: EndSignal | undefined) {
    super();
    this.#resolve = resolve;
    this.#signal = signal;
  }

  override begin(call: Call): void {
    this.#signal?.addEventListener("abort", this.#cancel);
    super.begin(call);
  }

  onEnd(status: CallStatus): void {
    this.#signal?.removeEventListener("abort", this.#cancel);
    this.#resolve(outcomeOf(status, this.header, this.message));
  }
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
