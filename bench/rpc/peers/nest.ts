/** NestJS gRPC microservices, set up as their documentation says. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type * as grpc from "@grpc/grpc-js";
import { freePort } from "#mesh/testing";
import { plainResponse } from "../contract.ts";
import { loadPeer } from "./install.ts";
import type { PeerCall } from "./peer-call.ts";

interface NestCommon {
  Controller(): (target: object) => void;
  Module(parts: { controllers: readonly object[] }): (target: object) => void;
}

interface NestCore {
  readonly NestFactory: {
    createMicroservice(module: object, options: object): Promise<{ listen(): Promise<void> }>;
  };
}

interface NestMicroservices {
  GrpcMethod(
    service: string,
    method: string,
  ): (target: object, name: string, descriptor: PropertyDescriptor | undefined) => void;
  readonly ClientProxyFactory: {
    create(options: object): {
      getService(name: string): { getOrder(request: object, metadata: grpc.Metadata, options: object): object };
    };
  };
  readonly Transport: { readonly GRPC: number };
}

interface Rxjs {
  firstValueFrom(observable: object): Promise<unknown>;
}

const DEADLINE_MS = 5_000;
const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Starts a server and returns its address. Decorators are applied by hand: Node strips types, and nothing else. */
export async function startNest(peers: string): Promise<string> {
  const { Controller, Module } = await loadPeer<NestCommon>(peers, "@nestjs/common");
  const { NestFactory } = await loadPeer<NestCore>(peers, "@nestjs/core");
  const { GrpcMethod, Transport } = await loadPeer<NestMicroservices>(peers, "@nestjs/microservices");

  class OrderController {
    getOrder(): unknown {
      return plainResponse;
    }
  }
  class OrderModule {}
  const getOrder = Object.getOwnPropertyDescriptor(OrderController.prototype, "getOrder");
  GrpcMethod("OrderService", "GetOrder")(OrderController.prototype, "getOrder", getOrder);
  Controller()(OrderController);
  Module({ controllers: [OrderController] })(OrderModule);

  const address = `127.0.0.1:${await freePort()}`;
  const service = await NestFactory.createMicroservice(OrderModule, {
    transport: Transport.GRPC,
    options: grpcOptions(address),
    logger: false,
  });
  await service.listen();
  return address;
}

/** Returns what makes the calls of a client. */
export async function nestCalls(peers: string, address: string, call: PeerCall): Promise<() => Promise<unknown>> {
  const { ClientProxyFactory, Transport } = await loadPeer<NestMicroservices>(peers, "@nestjs/microservices");
  const { firstValueFrom } = await loadPeer<Rxjs>(peers, "rxjs");
  // Its own copy: grpc-js knows its metadata by the class.
  const { Metadata } = await loadPeer<typeof grpc>(peers, "@grpc/grpc-js");
  const client = ClientProxyFactory.create({ transport: Transport.GRPC, options: grpcOptions(address) });
  const orders = client.getService("OrderService");
  return async () => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(await call.headers())) metadata.set(name, value);
    return firstValueFrom(orders.getOrder({ id: call.id }, metadata, { deadline: Date.now() + DEADLINE_MS }));
  };
}

function grpcOptions(url: string): object {
  const protoPath = "shop/order/v1/order_service.proto";
  const includeDirs = ["proto", ...["googleapis", "protovalidate"].map((name) => join("third_party", name))];
  return {
    url,
    protoPath,
    package: "shop.order.v1",
    loader: { includeDirs: includeDirs.map((folder) => join(root, folder)) },
    channelOptions: { "grpc.enable_channelz": 0 },
  };
}
