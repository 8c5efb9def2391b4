import {
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { StreamLimits } from "../config.ts";
import { type Exchange, headerOf } from "../http/exchange.ts";
import { watchIdle } from "../http/idle.ts";
import { callStream, type UpstreamChannel } from "../upstream/call-upstream.ts";
import { answerUnary } from "./answer-unary.ts";
import { asksForPretty } from "./bind-query.ts";
import type { Route } from "./route-table.ts";
import { answerStream } from "./stream-answer.ts";
import { streamWriterOf } from "./stream-writer.ts";

/** What a stream of a route needs. */
export interface Streaming {
  readonly route: Route;
  readonly transport: UpstreamChannel;
  readonly timeoutMs: number;
  readonly registry: Registry;
  readonly streams: StreamLimits;
  /** Aborts when the gateway cuts off what still runs. */
  cut(): AbortSignal;
}

/** Answers with the stream of responses to one request. */
export async function transcodeResponses(
  exchange: Exchange,
  { method, message }: { readonly method: DescMethodServerStreaming; readonly message: Message },
  { route, transport, timeoutMs, registry, streams, cut }: Streaming,
): Promise<void> {
  const writer = streamWriterOf(route, exchange.request.headers.accept);
  const lastEventId = headerOf(exchange.request, "last-event-id");
  if (writer.resumes && lastEventId) route.resume?.bind(message, lastEventId);
  const request = toBinary(method.input, message);
  await answerStream(exchange, {
    ...{ writer, registry, limits: streams, cut: cut() },
    call: (signal) => callStream(exchange, transport, { method, messages: once(request), timeoutMs, signal }),
  });
}

/** Answers with the one response to a stream of encoded requests. A client that sends nothing for too long is refused. */
export async function transcodeRequests(
  exchange: Exchange,
  { method, messages }: { readonly method: DescMethodClientStreaming; readonly messages: AsyncIterable<Uint8Array> },
  { route, transport, timeoutMs, streams, cut }: Streaming,
): Promise<void> {
  const pretty = asksForPretty(exchange.query);
  const idle = watchIdle(AbortSignal.any([exchange.signal, cut()]), streams.idleTimeoutMs);
  try {
    const moving = whileMoving(messages, idle);
    const { signal } = idle;
    const responses = await callStream(exchange, transport, { method, messages: moving, timeoutMs, signal });
    const { forwardHeaders } = transport.metadata;
    answerUnary(exchange, route, { response: await only(responses), pretty, forwardHeaders });
  } catch (thrown) {
    throw idle.signal.aborted ? idle.signal.reason : thrown;
  } finally {
    idle.stop();
  }
}

async function* whileMoving<T>(values: AsyncIterable<T>, idle: { moved(): void; stop(): void }): AsyncIterable<T> {
  for await (const value of values) {
    idle.moved();
    yield value;
  }
  // From here on it is the service that takes its time.
  idle.stop();
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

/** Reads to the end: only then is it certain that the call went well. */
async function only<T>(values: AsyncIterable<T>): Promise<T> {
  const [answer, ...more] = await Array.fromAsync(values);
  if (answer !== undefined && more.length === 0) return answer;
  throw new ConnectError(`the service sent ${more.length === 0 ? "no answer" : "more than one"}`, Code.Internal);
}
