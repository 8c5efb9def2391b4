import type { Call, CallRequest, Channel } from "./channel.ts";
import type { CallStatus, ReceivedMetadata } from "./status.ts";

/** All that came of a call. */
export interface Outcome {
  header: ReceivedMetadata | undefined;
  readonly messages: Buffer[];
  readonly status: CallStatus;
}

/** A call that reads as fast as it can. */
export interface RunningCall {
  readonly call: Call;
  readonly outcome: Promise<Outcome>;
  /** Resolves when the call may write again. */
  room(): Promise<void>;
}

/** A call to `path` with one message; `request` says otherwise. */
export function startCall(channel: Channel, path: string, request: Partial<CallRequest> = {}): RunningCall {
  const ended = Promise.withResolvers<Outcome>();
  const messages: Buffer[] = [];
  let header: ReceivedMetadata | undefined;
  let room = Promise.withResolvers<void>();
  const full: CallRequest = { path, metadata: [], deadlineMs: Number.POSITIVE_INFINITY, ...request };
  const call = channel.start(full, {
    onHeader: (received) => {
      header = received;
    },
    onMessage: (message) => {
      messages.push(message);
      call.read();
    },
    onWritable: () => room.resolve(),
    onEnd: (status) => ended.resolve({ header, messages, status }),
  });
  call.read();
  return {
    call,
    outcome: ended.promise,
    async room() {
      await room.promise;
      room = Promise.withResolvers();
    },
  };
}

/** The outcome of a call with one message. */
export function callOnce(channel: Channel, path: string, message = Buffer.from("hi"), request?: Partial<CallRequest>) {
  return startCall(channel, path, { message, ...request }).outcome;
}
