import type { Registry } from "@bufbuild/protobuf";
import type { MethodPolicy } from "#mesh/contract";
import type { StreamLimits } from "../config.ts";
import type { Gate } from "../guard/authenticate.ts";
import type { UpstreamChannel, Upstreams } from "../upstream/call-upstream.ts";
import { createJsonCodec, type JsonCodec } from "./json-codec.ts";

/** A method that is called by its path, with what can be prepared before the first call. */
export interface RpcMethod {
  readonly policy: MethodPolicy;
  /** "/shop.order.v1.OrderService/PlaceOrder". */
  readonly path: string;
  readonly channel: UpstreamChannel;
  readonly json: JsonCodec;
  readonly gate: Gate;
  readonly registry: Registry;
  readonly streams: StreamLimits;
  /** Largest message, in bytes. */
  readonly maxMessageBytes: number;
}

/** What methods are prepared from. */
export interface RpcOptions {
  readonly policies: readonly MethodPolicy[];
  readonly gate: Gate;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  readonly streams: StreamLimits;
  /** Largest message, in bytes. */
  readonly maxMessageBytes: number;
}

/** Prepares methods, by path. */
export function createRpcMethods(options: RpcOptions): ReadonlyMap<string, RpcMethod> {
  const { policies, upstreams, ...shared } = options;
  const methods = policies.map((policy): RpcMethod => {
    const { method } = policy;
    const path = `/${method.parent.typeName}/${method.name}`;
    const json = createJsonCodec(method, shared.registry);
    return { ...shared, policy, path, json, channel: upstreams.channel(method.parent) };
  });
  return new Map(methods.map((method) => [method.path, method]));
}
