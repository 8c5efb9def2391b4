import type { DescMethod, Message } from "@bufbuild/protobuf";
import { streamsRequests, streamsResponses } from "./served-method.ts";
import type { ServerCall } from "./server-call.ts";
import type { Step } from "./step.ts";

/** The innermost step of a method: calls the handler with what the caller sends, and sends what it answers. */
export function runHandler(method: DescMethod): Step {
  const receive = streamsRequests(method) ? readAll : readOnly;
  if (!streamsResponses(method))
    return async (call) => call.writeOnly((await handle(call, await receive(call))) as Message);
  return async (call) => {
    for await (const answer of handle(call, await receive(call)) as AsyncIterable<Message>) await call.write(answer);
  };
}

function readOnly(call: ServerCall): Promise<Message> {
  return call.readOnly();
}

/** Reads requests as they are asked for. */
async function* readAll(call: ServerCall): AsyncGenerator<Message> {
  for (let request = await call.read(); request; request = await call.read()) yield request;
}

// The handler's types follow from the same descriptor as the messages'; `implement` has checked them.
function handle(call: ServerCall, received: Message | AsyncIterable<Message>): unknown {
  const { handler } = call.served;
  return handler(received as never, call);
}
