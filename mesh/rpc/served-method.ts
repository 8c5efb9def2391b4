import type { DescMethod } from "@bufbuild/protobuf";
import type { MethodContract } from "#mesh/contract";
import type { Logger } from "#mesh/telemetry";
import type { AnyRpcHandler } from "./handler.ts";
import type { ReadRequest } from "./read-request.ts";
import type { Step } from "./step.ts";

/** A method that a server serves, with everything that can be prepared before the first call. */
export interface ServedMethod {
  readonly desc: DescMethod;
  /** "/shop.order.v1.OrderService/PlaceOrder". */
  readonly path: string;
  /** Undefined for health and reflection, which everyone may call for as long as they like. */
  readonly policy: MethodContract | undefined;
  readonly handler: AnyRpcHandler;
  /** Log whose lines carry the method. */
  readonly log: Logger;
  readonly read: ReadRequest;
  readonly run: Step;
}

/** The path that names a method in gRPC. */
export function pathOf(desc: DescMethod): string {
  return `/${desc.parent.typeName}/${desc.name}`;
}

/** Whether the caller sends any number of messages. */
export function streamsRequests(desc: DescMethod): boolean {
  return desc.methodKind === "client_streaming" || desc.methodKind === "bidi_streaming";
}

/** Whether the answer is any number of messages. */
export function streamsResponses(desc: DescMethod): boolean {
  return desc.methodKind === "server_streaming" || desc.methodKind === "bidi_streaming";
}
