import type { Message } from "@bufbuild/protobuf";
import type { ServerCall } from "../server-call.ts";
import type { Step } from "../step.ts";

/** Reads the one request of unary and server streaming calls: after the caller is known, before anything looks at it. */
export function receiveOne(next: Step): Step {
  return (call) =>
    call.readOnly().then((request) => {
      call.request = request;
      return next(call);
    });
}

/** Hands the requests of client and bidirectional streaming calls on as they are asked for. */
export function receiveMany(next: Step): Step {
  return (call) => {
    call.requests = requestsOf(call);
    return next(call);
  };
}

async function* requestsOf(call: ServerCall): AsyncGenerator<Message> {
  for (let message = await call.read(); message; message = await call.read()) yield message;
}
