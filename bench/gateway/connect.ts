// What a team would write with Connect alone: its adapter for node:http, and its gRPC transport to the service.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";

const transport = createGrpcTransport({ baseUrl: `http://${process.argv[2]}` });
const identity = createClient(IdentityService, transport);
const server = createServer(
  connectNodeAdapter({
    routes: (router) => {
      router.service(IdentityService, { createSession: (request) => identity.createSession(request) });
    },
  }),
);
server.listen(0, "127.0.0.1", () => process.send?.(String((server.address() as AddressInfo).port)));
