import { expect, test } from "vitest";
import type { RpcContext } from "#mesh/rpc";
import { call } from "../library.fixture.ts";
import { startDesk, startGateway } from "./desk.fixture.ts";

/** What some proxy or framework somewhere takes for an identity, and what the mesh's own servers would. */
const posing = {
  "heddle-service": "shop.order",
  "heddle-user": "root",
  "x-user-id": "root",
  "x-forwarded-user": "root",
  "x-forwarded-email": "root@heddle.local",
  "x-auth-request-user": "root",
  "x-forwarded-client-cert": "URI=spiffe://heddle.local/shop/order",
  "x-remote-user": "root",
  "x-roles": "admin",
  "grpc-metadata-authorization": "Bearer root:admin",
  "grpc-metadata-heddle-service": "shop.order",
  "grpcgateway-authorization": "Bearer root:admin",
  "proxy-authorization": "Bearer root:admin",
  cookie: "authorization=Bearer root:admin",
};

test.each([
  ["REST", "GET /v1/notes/1", undefined],
  ["Connect", "POST /test.desk.v1.Desk/ReadNote", "{}"],
])("no header of a client but its token says who it is, by %s", async (_, line, body) => {
  let seen: RpcContext | undefined;
  await using desk = await startDesk(async (request, context) => {
    seen = context;
    return request;
  });
  await using edge = await startGateway(desk.address);
  const send = (headers: Record<string, string>) => call(edge.url, line, { headers, ...(body && { body }) });
  expect((await send(posing)).status).toBe(200);
  expect(seen?.caller).toEqual({ user: undefined, service: "gateway" });
  for (const name of Object.keys(posing)) {
    if (name !== "heddle-service") expect([name, seen?.requestHeader.get(name)]).toEqual([name, null]);
  }
  expect((await send({ ...posing, authorization: "Bearer ada:customer" })).status).toBe(200);
  expect(seen?.caller).toEqual({ user: { id: "ada", roles: ["customer"] }, service: "gateway" });
  expect((await send({ ...posing, authorization: "Bearer bad" })).status).toBe(401);
});
