import type { Message } from "@bufbuild/protobuf";
import { streamsRequests, streamsResponses } from "./served-method.ts";
import type { ServerCall } from "./server-call.ts";
import type { Step } from "./step.ts";

/** The innermost step: calls the handler and sends what it answers, for each of the four kinds of call. */
export const runHandler: Step = (call) => {
  const { handler, desc } = call.served;
  const input = streamsRequests(desc) ? call.requests : call.request;
  // The handler's types follow from the same descriptor as the message's; `implement` has checked them.
  const answer = handler(input as never, call);
  return streamsResponses(desc) ? sendAll(call, answer as AsyncIterable<Message>) : sendOne(call, answer as Message);
};

async function sendOne(call: ServerCall, answer: Message | Promise<Message>): Promise<void> {
  call.writeOnly(await answer);
}

async function sendAll(call: ServerCall, answers: AsyncIterable<Message>): Promise<void> {
  for await (const answer of answers) await call.write(answer);
}
