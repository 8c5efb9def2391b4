import type { DescMethod, DescMethodStreaming, Registry } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { MethodPolicy } from "#mesh/contract";
import { badField, EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { type FoundRoute, findRoute } from "../rest/find-route.ts";
import { defaultMappingRules, type MappingRules } from "../rest/mapping-rules.ts";
import { compilePrintResponse } from "../rest/print-answer.ts";
import type { RouteTable } from "../rest/route-table.ts";
import { isServerStreaming, isStreaming } from "../rpc/method-kind.ts";
import { createFrameCodec, type JsonRules } from "./frame-codec.ts";
import type { FrameCodec } from "./frames.ts";
import type { FrameFormat } from "./subprotocol.ts";

/** A streaming method that a WebSocket may call. */
export interface FoundCall {
  readonly method: DescMethod & DescMethodStreaming;
  readonly policy: MethodPolicy;
  /** Template of the route, or path of the rpc. */
  readonly name: string;
  /** The encoded request, where the URL is all of it. Throws 400 for a URL that makes none. */
  request(): Uint8Array | undefined;
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
    const printResponse = compilePrintResponse(stream.method.output, { ...json, responseBody: "" });
    const codec = { rules: json, variables: [], values: [], printResponse };
    return {
      ...stream,
      name: path,
      request: () => undefined,
      codec: (format) => createFrameCodec(stream.method, format, codec),
    };
  };
}

function callOfRoute({ route, values }: FoundRoute, query: string, rules: JsonRules): FoundCall {
  const { policy, template, encode, printResponse, variables } = route;
  const stream = streamOf(policy);
  const codec = { rules, variables, values, printResponse };
  return {
    ...stream,
    name: template.text,
    request() {
      if (isServerStreaming(stream.method)) return encode({ values, query, body: undefined });
      if (query !== "") throw noQuery();
      return undefined;
    },
    codec: (format) => createFrameCodec(stream.method, format, codec),
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
