import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import {
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  type Message,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import type { Any } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient, type StreamResponse, type Transport } from "@connectrpc/connect";
import { createMeshTransport } from "#mesh/rpc";
import { type CallRequest, FULL_DUPLEX, GZIP, type Header, type Suite } from "./protocol.ts";
import { RequestQueue } from "./request-queue.ts";

/** connectrpc.conformance.v1.ClientResponseResult, to be filled. */
export interface CallResult {
  responseHeaders: Header[];
  payloads: object[];
  error?: { code: number; message: string; details: Any[] };
  responseTrailers: Header[];
  numUnsentRequests: number;
}

/** A call of the suite while it is made. */
interface Call {
  readonly request: CallRequest;
  readonly messages: readonly Message[];
  readonly header: Headers;
  readonly leaving: AbortController;
  readonly result: CallResult;
}

/** Makes the call that a test case asks for, with a client of its own. */
export async function makeCall(suite: Suite, request: CallRequest): Promise<CallResult> {
  const transport = transportOf(request);
  const result: CallResult = { responseHeaders: [], payloads: [], responseTrailers: [], numUnsentRequests: 0 };
  const method = methodOf(suite, request);
  const messages = request.requestMessages.map(({ value }) => fromBinary(method.input, value));
  const call = { request, messages, header: headersOf(request.requestHeaders), leaving: new AbortController(), result };
  try {
    if (isUnary(method)) await callUnary(transport, method, call);
    else if (method.methodKind === "client_streaming") await callClientStream(transport, method, call);
    else if (isStreaming(method)) await callStream(transport, method, call);
  } catch (error) {
    readFailure(error, result);
  } finally {
    transport.close();
  }
  return result;
}

function transportOf(request: CallRequest) {
  const { host, port, serverTlsCert, clientTlsCreds: own, messageReceiveLimit, compression } = request;
  const pem = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const files = { ca: pem(serverTlsCert), ...(own && { cert: pem(own.cert), key: pem(own.key) }) };
  return createMeshTransport({
    address: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
    ...(compression === GZIP && { gzip: true }),
    ...(messageReceiveLimit > 0 && { maxMessageBytes: messageReceiveLimit }),
    ...(serverTlsCert.length > 0 && { secure: { context: () => createSecureContext(files) } }),
  });
}

function methodOf({ registry }: Suite, { service = "", method = "" }: CallRequest): DescMethod {
  const found = registry.getService(service)?.methods.find(({ name }) => name === method);
  if (!found) throw new Error(`the suite has no ${service}/${method}`);
  return found;
}

async function callUnary(transport: Transport, method: DescMethodUnary, call: Call): Promise<void> {
  const { request, messages, header, leaving, result } = call;
  const [message] = messages;
  if (!message) throw new Error("a unary call has one message");
  await sleep(request.requestDelayMs);
  const answering = transport.unary(method, leaving.signal, request.timeoutMs, header, message);
  if (request.cancel) leaveAfter(request.cancel.cancelTiming, leaving).catch(() => undefined);
  const answer = await answering;
  result.responseHeaders = toHeaderList(answer.header);
  result.responseTrailers = toHeaderList(answer.trailer);
  takePayload(answer.message, result);
}

async function callStream(transport: Transport, method: DescMethodStreaming, call: Call): Promise<void> {
  const { request, messages, header, leaving, result } = call;
  const queue = new RequestQueue<Message>();
  const opening = transport.stream(method, leaving.signal, request.timeoutMs, header, queue);
  opening.catch(() => undefined);
  try {
    const reader = new Reader(opening, call);
    const fullDuplex = request.streamType === FULL_DUPLEX;
    await sendAll(queue, call, fullDuplex ? () => reader.next() : undefined);
    while (await reader.next());
  } finally {
    result.numUnsentRequests = messages.length - queue.taken;
  }
}

/** By Connect's client, which sees to it that there is one answer. */
async function callClientStream(transport: Transport, method: DescMethod, call: Call): Promise<void> {
  const { request, messages, header, leaving, result } = call;
  const queue = new RequestQueue<Message>();
  const answering = createClient(method.parent as ClientStreamService, transport).clientStream(queue, {
    signal: leaving.signal,
    headers: header,
    ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
    onHeader: (received) => {
      result.responseHeaders = toHeaderList(received);
    },
    onTrailer: (received) => {
      result.responseTrailers = toHeaderList(received);
    },
  });
  answering.catch(() => undefined);
  try {
    await sendAll(queue, call);
    takePayload(await answering, result);
  } finally {
    result.numUnsentRequests = messages.length - queue.taken;
  }
}

type ClientStreamService = GenService<{
  clientStream: { methodKind: "client_streaming"; input: GenMessage<Message>; output: GenMessage<Message> };
}>;

/** Sends every request and then nothing more, or leaves. `sent` says after each whether to go on. */
async function sendAll(queue: RequestQueue<Message>, call: Call, sent = async () => true): Promise<void> {
  const { request, messages, leaving } = call;
  for (const message of messages) {
    await sleep(request.requestDelayMs);
    queue.push(message);
    if (!(await sent())) break;
  }
  const timing = request.cancel?.cancelTiming;
  if (timing?.case === "beforeCloseSend") leaving.abort();
  queue.close();
  if (timing) await leaveAfter(timing, leaving);
}

/** Reads answers one by one, and leaves when the test case says so. */
class Reader {
  readonly #opening: Promise<StreamResponse>;
  readonly #call: Call;
  #messages: AsyncIterator<Message> | undefined;

  constructor(opening: Promise<StreamResponse>, call: Call) {
    this.#opening = opening;
    this.#call = call;
  }

  /** False after the last one. */
  async next(): Promise<boolean> {
    const { request, leaving, result } = this.#call;
    const answer = await this.#opening;
    result.responseHeaders = toHeaderList(answer.header);
    this.#messages ??= answer.message[Symbol.asyncIterator]();
    const { done, value } = await this.#messages.next();
    if (done) {
      result.responseTrailers = toHeaderList(answer.trailer);
      return false;
    }
    takePayload(value, result);
    const timing = request.cancel?.cancelTiming;
    if (timing?.case === "afterNumResponses" && result.payloads.length === timing.value) leaving.abort();
    return true;
  }
}

async function leaveAfter(
  timing: NonNullable<CallRequest["cancel"]>["cancelTiming"],
  leaving: AbortController,
): Promise<void> {
  if (timing.case === "afterNumResponses" || timing.case === "beforeCloseSend") return;
  await sleep(timing.case === "afterCloseSendMs" ? timing.value : 0);
  leaving.abort();
}

/** An answer of no bytes has an empty payload. */
function takePayload(message: Message, result: CallResult): void {
  const { payload = {} } = message as Message & { payload?: object };
  result.payloads.push(payload);
}

function readFailure(cause: unknown, result: CallResult): void {
  const error = ConnectError.from(cause);
  const details = error.details.map((detail): Any => {
    if ("desc" in detail) throw new Error("a received detail is bytes");
    return { $typeName: "google.protobuf.Any", typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
  });
  result.error = { code: error.code, message: error.rawMessage, details };
  result.responseTrailers = toHeaderList(error.metadata);
}

function isUnary(method: DescMethod): method is DescMethod & DescMethodUnary {
  return method.methodKind === "unary";
}

function isStreaming(method: DescMethod): method is DescMethod & DescMethodStreaming {
  return method.methodKind !== "unary";
}

function headersOf(list: readonly Header[]): Headers {
  const headers = new Headers();
  for (const { name, value } of list) for (const each of value) headers.append(name, each);
  return headers;
}

function toHeaderList(headers: Headers): Header[] {
  return [...headers].map(([name, value]) => ({ name, value: value.split(", ") }));
}
