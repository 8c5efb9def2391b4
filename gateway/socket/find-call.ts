import {
  type DescMethod,
  type DescMethodStreaming,
  fromBinary,
  type Message,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MethodPolicy } from "#mesh/contract";
import { badField, EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { bodyText, compileBody } from "../rest/bind-body.ts";
import { compilePathValue } from "../rest/bind-path.ts";
import { type FoundRoute, findRoute } from "../rest/find-route.ts";
import { defaultMappingRules, type MappingRules } from "../rest/mapping-rules.ts";
import { compilePrint } from "../rest/print-answer.ts";
import type { RouteTable } from "../rest/route-table.ts";
import { isServerStreaming, isStreaming } from "../rpc/method-kind.ts";
import type { FrameCodec } from "./frames.ts";
import type { FrameFormat } from "./subprotocol.ts";

/** A streaming method that a WebSocket may call. */
export interface FoundCall {
  readonly method: DescMethod & DescMethodStreaming;
  readonly policy: MethodPolicy;
  /** Template of the route, or path of the rpc. */
  readonly name: string;
  /** The request, where the URL is all of it. Throws 400 for a URL that makes none. */
  request(): Message | undefined;
  codec(format: FrameFormat): FrameCodec;
}

/** Finds what a WebSocket calls: by rpc path, /package.Service/Method, or by a GET rule. Throws 404, or 400 for no stream. */
export type FindCall = (exchange: Exchange) => FoundCall;

/** Where calls are found, and how their JSON is read and printed. */
export interface FindOptions {
  /** All methods that people may call. */
  readonly policies: readonly MethodPolicy[];
  readonly table: RouteTable;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
  readonly rules?: MappingRules;
}

/** Creates the finder. */
export function createFindCall({ policies, table, registry, rules = defaultMappingRules }: FindOptions): FindCall {
  const byPath = new Map(policies.map((policy) => [`/${policy.method.parent.typeName}/${policy.method.name}`, policy]));
  const json = { ...rules, registry };
  return (exchange) => {
    const { path, query } = exchange;
    const policy = byPath.get(path);
    if (policy === undefined) return callOfRoute(findRoute(table, exchange), query, json);
    const stream = streamOf(policy);
    if (query !== "") throw noQuery();
    const codec = (format: FrameFormat) => codecOf(stream.method, format, json);
    return { ...stream, name: path, request: () => undefined, codec };
  };
}

type JsonRules = MappingRules & { readonly registry: Registry };

function callOfRoute({ route, values }: FoundRoute, query: string, json: JsonRules): FoundCall {
  const { policy, template, bind, print, variables } = route;
  const stream = streamOf(policy);
  const { input } = stream.method;
  const bindValues = variables.map(compilePathValue);
  const bindPath = (message: Message) => {
    const target = reflect(input, message, false);
    for (const [index, bindValue] of bindValues.entries()) bindValue(target, values[index] ?? "");
    return message;
  };
  return {
    ...stream,
    name: template.text,
    request() {
      if (isServerStreaming(stream.method)) return bind({ values, query, body: undefined });
      if (query !== "") throw noQuery();
      return undefined;
    },
    codec(format) {
      const codec = codecOf(stream.method, format, json);
      const write = format === "json" ? (message: Message) => print(message) : codec.write;
      return { format, read: (frame) => bindPath(codec.read(frame)), write };
    },
  };
}

function noQuery(): EdgeError {
  return badField("query", "", "this stream takes everything from its path and its messages");
}

function streamOf(policy: MethodPolicy): Pick<FoundCall, "method" | "policy"> {
  const { method } = policy;
  if (isStreaming(method)) return { method, policy };
  throw new EdgeError(`${method.name} is no stream: call it without a WebSocket`, Code.InvalidArgument);
}

function codecOf({ input, output }: DescMethod, format: FrameFormat, json: JsonRules): FrameCodec {
  if (format === "json") {
    const bindBody = compileBody(input, { ...json, body: "*" });
    const print = compilePrint(output, { ...json, responseBody: "" });
    return { format, read: (frame) => bindBody(bodyText(frame)), write: (message) => print(message) };
  }
  return {
    format,
    read(frame) {
      try {
        return fromBinary(input, frame);
      } catch {
        // The parser says only where in the bytes it stopped.
        throw new ConnectError(`the frame is no ${input.typeName}`, Code.InvalidArgument);
      }
    },
    write: (message) => toBinary(output, message),
  };
}
