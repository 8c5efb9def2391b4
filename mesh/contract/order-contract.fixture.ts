import { clone, create, createFileRegistry, getExtension, setExtension } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type MethodDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { type Policy, policy, type Server, server } from "#gen/heddle/v1/policy_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import { file_shop_order_v1_order_events } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { withDependencies } from "./event-index.ts";
import type { ContractSources } from "./read-contract.ts";

/** The files of the order contract, open to change. */
export interface Files {
  readonly service: FileDescriptorProto;
  readonly events: FileDescriptorProto;
  readonly reactions: FileDescriptorProto;
  readonly errors: FileDescriptorProto;
}

/** Changes a copy of the order contract. */
export function changedOrder(change: (files: Files) => void): ContractSources {
  const sources = [
    OrderService.file,
    file_shop_order_v1_order_events,
    OrderReactionService.file,
    OrderErrorReasonSchema.file,
  ];
  const files = withDependencies(sources).map(({ proto }) => clone(FileDescriptorProtoSchema, proto));
  const find = (name: string) => found(files.find((file) => file.name === `shop/order/${name}.proto`));
  change({
    service: find("v1/order_service"),
    events: find("v1/order_events"),
    reactions: find("reactions/v1/order_reactions"),
    errors: find("v1/order_errors"),
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }));
  return {
    services: [found(registry.getService("shop.order.v1.OrderService"))],
    events: found(registry.getFile("shop/order/v1/order_events.proto")),
    reactions: found(registry.getService("shop.order.reactions.v1.OrderReactionService")),
    reasons: found(registry.getEnum("shop.order.v1.OrderErrorReason")),
  };
}

/** What a test looks for in the contract. Throws when the contract no longer has it. */
export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the contract has changed; the test looks for something it no longer has");
  return value;
}

/** A method of a file's service, by name. */
export function method(file: FileDescriptorProto, name: string): MethodDescriptorProto {
  return found(file.service[0]?.method.find((candidate) => candidate.name === name));
}

/** Changes the policy of a method. */
export function changePolicy(file: FileDescriptorProto, name: string, change: (value: Policy) => void): void {
  const options = found(method(file, name).options);
  const value = getExtension(options, policy);
  change(value);
  setExtension(options, policy, value);
}

/** Changes what a service says for all its methods. */
export function changeServer(file: FileDescriptorProto, change: (value: Server) => void): void {
  const options = found(file.service[0]?.options);
  const value = getExtension(options, server);
  change(value);
  setExtension(options, server, value);
}
