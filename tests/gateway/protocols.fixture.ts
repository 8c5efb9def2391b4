import {
  createRegistry,
  type DescMethod,
  type DescMethodStreaming,
  fromJson,
  fromJsonString,
  isMessage,
  type JsonValue,
  type Message,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { type Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "#gen/google/rpc/status_pb.ts";
import { call, type HttpAnswer } from "../../gateway/library.fixture.ts";
import { isUnary } from "../../gateway/rpc/method-kind.ts";
import { type MirrorMessage, mirrorTypes } from "./mirror.fixture.ts";
import { queryOf } from "./query.fixture.ts";

/** Everything that an Any or an error detail may hold. */
export const registry: Registry = createRegistry(mirrorTypes, file_google_rpc_error_details);

/** What came of a call: the answers, and the error that ended it. */
export interface Outcome {
  readonly answers: readonly Message[];
  readonly error?: { readonly code: Code; readonly message: string; readonly details: readonly string[] };
}

/** One way to call the mirror. */
export interface Protocol {
  readonly name: string;
  /** Makes the call and returns what came of it; undefined where the protocol cannot say the request. */
  send(url: string, method: DescMethod, requests: readonly MirrorMessage[]): Promise<Outcome> | undefined;
}

const http = { httpVersion: "1.1", jsonOptions: { registry } } as const;

function overTransport(name: string, open: (baseUrl: string) => Transport): Protocol {
  return { name, send: (url, method, requests) => sendOver(open(url), method, requests) };
}

/** A request in the query string is bounded by what a server takes as a URL. */
const longestInUrl = 4_000;

function connectByGet(): Protocol {
  const { send } = overTransport("", (baseUrl) => createConnectTransport({ baseUrl, ...http, useHttpGet: true }));
  return {
    name: "Connect JSON by GET",
    send(url, method, requests) {
      const text = requests.map((each) => JSON.stringify(toJson(method.input, each, { registry }))).join();
      const fits = isUnary(method) && encodeURIComponent(text).length < longestInUrl;
      return fits ? send(url, method, requests) : undefined;
    },
  };
}

/** A route of google.api.http. `target` is undefined for a request that it cannot say. */
interface Route {
  readonly name: string;
  readonly rpc: string;
  readonly verb: string;
  target(request: MirrorMessage, json: { [key: string]: JsonValue }): { path: string; body?: JsonValue } | undefined;
  /** The answer's JSON as that of the whole response. */
  answer?(json: JsonValue, request: MirrorMessage): JsonValue;
}

const segment = (text: string) => encodeURIComponent(text);
const routes: readonly Route[] = [
  {
    name: 'REST with body "*"',
    rpc: "Reflect",
    verb: "POST",
    target: ({ id }, { id: _, ...body }) => ({ path: `/v1/mirrors/${segment(id)}`, body }),
  },
  {
    name: "REST with the body in a field",
    rpc: "Reflect",
    verb: "PUT",
    target: ({ id }, { everything, failure }) =>
      everything === undefined || failure !== undefined
        ? undefined
        : { path: `/v1/mirrors/${segment(id)}/everything`, body: everything },
    answer: (everything, { id }) => ({ id, everything }),
  },
  {
    name: "REST by query",
    rpc: "Search",
    verb: "GET",
    target: ({ id }, { id: _, ...json }) => ({ path: `/v1/search/${segment(id)}?${queryOf(json)}` }),
  },
  {
    name: "REST as NDJSON",
    rpc: "Watch",
    verb: "POST",
    target: ({ id }, { id: _, ...body }) => ({ path: `/v1/mirrors/${segment(id)}:watch`, body }),
  },
];

function rest(route: Route): Protocol {
  return {
    name: route.name,
    send(url, method, [request]) {
      if (method.name !== route.rpc || request === undefined) return undefined;
      const json = toJson(method.input, request, { registry });
      const target = route.target(request, json as { [key: string]: JsonValue });
      return target && sendRest(url, method, { ...route, ...target, request });
    },
  };
}

async function sendRest(
  url: string,
  method: DescMethod,
  asked: Pick<Route, "verb" | "answer"> & { path: string; body?: JsonValue; request: MirrorMessage },
): Promise<Outcome> {
  const { verb, path, body, request, answer = (json) => json } = asked;
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const got = await call(url, `${verb} ${path}`, sent);
  if (got.status !== 200) return { answers: [], error: errorOf(got.json()) };
  const lines = method.methodKind === "unary" ? [got.json()] : linesOf(got);
  const last = lines.at(-1);
  const failed = isFailure(last) ? { error: errorOf(last.error) } : {};
  const good = isFailure(last) ? lines.slice(0, -1) : lines;
  return { answers: good.map((line) => fromJson(method.output, answer(line, request), { registry })), ...failed };
}

function linesOf({ text }: HttpAnswer): JsonValue[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function isFailure(line: JsonValue | undefined): line is { error: JsonValue } {
  return typeof line === "object" && line !== null && "error" in line;
}

function errorOf(json: JsonValue): Outcome["error"] {
  const { code, message, details } = fromJsonString(StatusSchema, JSON.stringify(json), { registry });
  return { code, message, details: details.map(({ typeUrl, value }) => detail(typeUrl.split("/").at(-1), value)) };
}

async function sendOver(transport: Transport, method: DescMethod, requests: readonly Message[]): Promise<Outcome> {
  const answers: Message[] = [];
  try {
    if (isUnary(method)) {
      const [request] = requests;
      if (request) answers.push((await transport.unary(method, undefined, undefined, {}, request)).message);
    } else {
      const sent = (async function* () {
        yield* requests;
      })();
      const { message } = await transport.stream(method as DescMethodStreaming, undefined, undefined, {}, sent);
      for await (const answer of message) answers.push(answer);
    }
    return { answers };
  } catch (thrown) {
    const { code, rawMessage: message, details } = ConnectError.from(thrown);
    return { answers, error: { code, message, details: details.map(detailOf) } };
  }
}

function detailOf(each: ConnectError["details"][number]): string {
  if ("type" in each) return detail(each.type, each.value);
  const value = isMessage(each.value) ? toBinary(each.desc as GenMessage<Message>, each.value) : new Uint8Array();
  return detail(each.desc.typeName, value);
}

function detail(type: string | undefined, value: Uint8Array): string {
  return `${type} ${Buffer.from(value).toString("hex")}`;
}

/** Every way to call the mirror. */
export const protocols: readonly Protocol[] = [
  ...routes.map(rest),
  overTransport("Connect JSON", (baseUrl) => createConnectTransport({ baseUrl, ...http })),
  overTransport("Connect proto", (baseUrl) => createConnectTransport({ baseUrl, ...http, useBinaryFormat: true })),
  connectByGet(),
  overTransport("gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, ...http })),
  overTransport("gRPC-Web JSON", (baseUrl) => createGrpcWebTransport({ baseUrl, ...http, useBinaryFormat: false })),
];
