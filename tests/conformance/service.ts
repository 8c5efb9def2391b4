// ConformanceService as the suite asks for it: every request says what to answer, and the answer says what was asked.
import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { AnyRpcHandler, RpcContext, RpcService } from "#mesh/rpc";
import { type Header, POLICY_DEADLINE_SECONDS, type Suite } from "./protocol.ts";

interface AskedError {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

/** UnaryResponseDefinition and StreamResponseDefinition, as far as they are read here. */
interface Definition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

interface UnaryDefinition extends Definition {
  readonly response:
    | { readonly case: "responseData"; readonly value: Uint8Array }
    | { readonly case: "error"; readonly value: AskedError }
    | { readonly case: undefined };
}

interface StreamDefinition extends Definition {
  readonly responseData: readonly Uint8Array[];
  readonly error?: AskedError;
}

interface Asked<D> extends Message {
  readonly responseDefinition?: D;
}

interface AskedBidi extends Asked<StreamDefinition> {
  readonly fullDuplex: boolean;
}

/** RequestInfo, to be filled. */
interface RequestInfo {
  readonly requests: readonly Any[];
  readonly requestHeaders?: readonly Header[];
  readonly timeoutMs?: bigint;
}

/** Joins the service with its handlers. */
export function conformanceService({ service, registry }: Suite): RpcService {
  const requestInfo = registry.getMessage("connectrpc.conformance.v1.ConformancePayload.RequestInfo");
  if (!requestInfo) throw new Error("the suite has no RequestInfo");
  const handlers = handlersOf(requestInfo);
  return { service, handlers };
}

function handlersOf(infoDesc: DescMessage): Record<string, AnyRpcHandler> {
  const unary = async (request: Asked<UnaryDefinition>, context: RpcContext) =>
    answerOnce(request.responseDefinition, infoOf(context, [request]), { context, infoDesc });
  return {
    unary,
    idempotentUnary: unary,
    async unimplemented() {
      throw new ConnectError("this method is not implemented", Code.Unimplemented);
    },
    async clientStream(requests: AsyncIterable<Asked<UnaryDefinition>>, context: RpcContext) {
      const all = await Array.fromAsync(requests);
      return answerOnce(all[0]?.responseDefinition, infoOf(context, all), { context, infoDesc });
    },
    async *serverStream(request: Asked<StreamDefinition>, context: RpcContext) {
      yield* answerMany(request.responseDefinition, infoOf(context, [request]), { context, infoDesc });
    },
    async *bidiStream(requests: AsyncIterable<AskedBidi>, context: RpcContext) {
      yield* converse(requests, { context, infoDesc });
    },
  };
}

interface Place {
  readonly context: RpcContext;
  readonly infoDesc: DescMessage;
}

async function answerOnce(definition: UnaryDefinition | undefined, info: RequestInfo, place: Place): Promise<object> {
  addMetadata(definition, place.context);
  await sleep(definition?.responseDelayMs ?? 0);
  const response = definition?.response;
  if (response?.case === "error") throw errorOf(response.value, info, place.infoDesc);
  const data = response?.case === "responseData" ? { data: response.value } : {};
  return { payload: { ...data, requestInfo: info } };
}

async function* answerMany(
  definition: StreamDefinition | undefined,
  info: RequestInfo,
  { context, infoDesc }: Place,
): AsyncGenerator<object> {
  addMetadata(definition, context);
  for (const [index, data] of (definition?.responseData ?? []).entries()) {
    await sleep(definition?.responseDelayMs);
    yield { payload: { data, ...(index === 0 && { requestInfo: info }) } };
  }
  const unanswered = definition?.responseData.length === 0 ? info : undefined;
  if (definition?.error) throw errorOf(definition.error, unanswered, infoDesc);
}

/** Half duplex answers when everything has been asked, full duplex each request by itself. */
async function* converse(requests: AsyncIterable<AskedBidi>, place: Place): AsyncGenerator<object> {
  const incoming = requests[Symbol.asyncIterator]();
  const { done, value: first } = await incoming.next();
  if (done) return;
  const rest = { [Symbol.asyncIterator]: () => incoming };
  if (first.fullDuplex) yield* takeTurns(first, rest, place);
  else {
    const all = [first, ...(await Array.fromAsync(rest))];
    yield* answerMany(first.responseDefinition, infoOf(place.context, all), place);
  }
}

async function* takeTurns(
  first: AskedBidi,
  rest: AsyncIterable<AskedBidi>,
  { context, infoDesc }: Place,
): AsyncGenerator<object> {
  const definition = first.responseDefinition;
  addMetadata(definition, context);
  const later = rest[Symbol.asyncIterator]();
  let info: RequestInfo | undefined = infoOf(context, [first]);
  for (const data of definition?.responseData ?? []) {
    await sleep(definition?.responseDelayMs);
    yield { payload: { data, ...(info && { requestInfo: info }) } };
    const { done, value } = await later.next();
    info = done ? undefined : { requests: [pack(context, value)] };
  }
  const unanswered = definition?.responseData.length === 0 ? info : undefined;
  if (definition?.error) throw errorOf(definition.error, unanswered, infoDesc);
}

/** `info` is added where nothing else has told the client of its request. */
function errorOf({ code, message, details }: AskedError, info: RequestInfo | undefined, desc: DescMessage) {
  const error = new ConnectError(message ?? "", code);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  if (info) error.details.push({ desc, value: info as never });
  return error;
}

function infoOf(context: RpcContext, requests: readonly Message[]): RequestInfo {
  const leftMs = context.deadline - Date.now();
  const asked = leftMs < (POLICY_DEADLINE_SECONDS * 1_000) / 2;
  return {
    requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
    requests: requests.map((request) => pack(context, request)),
    ...(asked && { timeoutMs: BigInt(Math.round(leftMs)) }),
  };
}

function pack({ method }: RpcContext, request: Message): Any {
  return anyPack(method.input, request);
}

function addMetadata(definition: Definition | undefined, { responseHeader, responseTrailer }: RpcContext): void {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const each of value) responseHeader.append(name, each);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const each of value) responseTrailer.append(name, each);
  }
}
