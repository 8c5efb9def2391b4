import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "#gen/google/rpc/code_pb.ts";
import type { Labels } from "./family.ts";

/** "shop.order.v1.OrderService/PlaceOrder", the label grpc.method of gRFC A66. */
export function methodName({ parent, name }: DescMethod): string {
  return `${parent.typeName}/${name}`;
}

/** "DEADLINE_EXCEEDED", the label grpc.status of gRFC A66. */
export function statusName(code: number): string {
  return statusNames.get(code) ?? String(code);
}

const statusNames = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

const types = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
} as const;

/** The labels by which go-grpc's interceptors name a method. */
export function goLabels({ parent, name, methodKind }: DescMethod): Labels {
  return { grpc_type: types[methodKind], grpc_service: parent.typeName, grpc_method: name };
}

/** "DeadlineExceeded", and "OK": codes as Go prints them. */
export function goCode(code: number): string {
  if (code === Code.OK) return "OK";
  if (code === Code.CANCELLED) return "Canceled";
  const words = statusName(code).split("_");
  return words.map((word) => word.slice(0, 1) + word.slice(1).toLowerCase()).join("");
}
