import { type DescMethod, type DescMethodStreaming, fromBinary, type Message, type Registry, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MethodPolicy } from "#mesh/contract";
import { badField, EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { bodyText, compileBody } from "../rest/bind-body.ts";
import { compilePathValue } from "../rest/bind-path.ts";
import { compilePrint } from "../rest/print-answer.ts";
import type { Route, RouteTable } from "../rest/route-table.ts";
import { isServerStreaming, isUnary } from "../rpc/method-kind.ts";
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

/** Creates the finder over all methods that people may call. */
export function createFindCall(policies: readonly MethodPolicy[], table: RouteTable, registry: Registry): FindCall {
  const byPath = new Map(policies.map((policy) => [`/${policy.method.parent.typeName}/${policy.method.name}`, policy]));
  return ({ path, query }) => {
    const policy = byPath.get(path);
    if (policy) {
      return { ...streamOf(policy), name: path, request: () => undefined, codec: (format) => codecOf(policy.method, format, registry) };
    }
    const match = table.match("GET", path);
    if (!match.found) throw new EdgeError("there is no stream at this path", Code.NotFound);
    return callOf(match.route, match.values, { query, registry });
  };
}

interface Rest {
  readonly query: string;
  readonly registry: Registry;
}

function callOf(route: Route, values: readonly string[], { query, registry }: Rest): FoundCall {
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
      if (query !== "") throw badField("query", "", "this stream takes everything from its path and its messages");
      return undefined;
    },
    codec(format) {
      const codec = codecOf(stream.method, format, registry);
      const write = format === "json" ? print : codec.write;
      return { ...codec, read: (frame) => bindPath(codec.read(frame)), write: (message) => write(message) };
    },
  };
}

function streamOf(policy: MethodPolicy): Pick<FoundCall, "method" | "policy"> {
  const { method } = policy;
  if (!isUnary(method)) return { method, policy };
  throw new EdgeError(`${method.name} is no stream: call it without a WebSocket`, Code.InvalidArgument);
}

function codecOf({ input, output }: DescMethod, format: FrameFormat, registry: Registry): FrameCodec {
  if (format === "json") {
    const bindBody = compileBody(input, "*", registry);
    return { format, read: (frame) => bindBody(bodyText(frame)), write: compilePrint(output, "", registry) };
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
