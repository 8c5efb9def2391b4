import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { call } from "../../../gateway/library.fixture.ts";
import { startStandalone } from "../../../gateway/standalone/standalone.fixture.ts";
import { installPython } from "./install.ts";
import { startServer } from "./server.fixture.ts";

const installed = await installPython();
const monstera = {
  id: "7",
  latinName: "Monstera deliciosa",
  leaves: "9007199254740993",
  wateredAt: "2026-01-31T12:00:00Z",
};

test.each(["its reflection", "an image of protoc"])("grpcio is served as REST by %s", async (by) => {
  await using server = await startServer(installed);
  const from = by === "its reflection" ? { reflect: true } : { descriptors: installed.image };
  await using gateway = await startStandalone(() => ({ upstreams: { garden: { address: server.address, ...from } } }));
  const got = await call(gateway.url, "GET /v1/plants/7");
  expect([got.status, got.json()]).toEqual([200, monstera]);
  const watered = await call(gateway.url, "POST /v1/plants/7:water", { body: '{"millilitres":5}' });
  expect(watered.json()).toEqual({ ...monstera, leaves: "5" });
  const watched = await call(gateway.url, "GET /v1/plants/7:watch", { headers: { accept: "application/x-ndjson" } });
  const lines = watched.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ leaves }) => leaves)).toEqual(["0", "1", "2"]);
  const weed = await call(gateway.url, "GET /v1/plants/weed");
  expect([weed.status, weed.json()]).toEqual([
    404,
    {
      code: 5,
      message: "no weeds here “ever”",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "NO_WEEDS",
          domain: "acme.garden",
        },
      ],
    },
  ]);
  expect(gateway.logged("serving")).toMatchObject([
    {
      services: ["acme.garden.v1.Garden"],
      withoutRest: ["acme.garden.v1.Garden/CountPlants", "acme.garden.v1.Garden/Exchange"],
    },
  ]);
  // grpcio's reflection has no health service beside it: it is ready as long as it answers.
  expect((await call(gateway.url, "GET /readyz")).status).toBe(200);
});

test("every kind of rpc of grpcio is called by Connect, and all but one by gRPC-Web", async () => {
  await using server = await startServer(installed);
  const garden = { address: server.address, descriptors: installed.image };
  await using gateway = await startStandalone(() => ({ upstreams: { garden } }));
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(installed.image ?? ""));
  const service = createFileRegistry(set).getService("acme.garden.v1.Garden");
  if (!service) throw new Error("no service");
  async function* plants() {
    for (const id of ["a", "b", "c"]) yield { id };
  }
  const overHttp2 = createConnectTransport({ baseUrl: gateway.url, httpVersion: "2" });
  const web = createGrpcWebTransport({ baseUrl: gateway.url, httpVersion: "2" });
  for (const transport of [overHttp2, web]) {
    const client = createClient(service, transport) as unknown as Garden;
    expect(await client.getPlant({ id: "7" })).toMatchObject({ leaves: 9007199254740993n });
    expect(await Array.fromAsync(client.watchPlant({ id: "7" }))).toHaveLength(3);
    expect(await client.countPlants(plants())).toMatchObject({ plants: 3n });
    const fault = await client.getPlant({ id: "weed" }).catch((thrown) => thrown);
    expect([fault.code, fault.rawMessage]).toEqual([Code.NotFound, "no weeds here “ever”"]);
    expect(fault.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "NO_WEEDS" }]);
  }
  const both = (createClient(service, overHttp2) as unknown as Garden).exchange(plants());
  expect(await Array.fromAsync(both)).toMatchObject([{ id: "a" }, { id: "b" }, { id: "c" }]);
});

interface Garden {
  getPlant(request: object): Promise<object>;
  watchPlant(request: object): AsyncIterable<object>;
  countPlants(requests: AsyncIterable<object>): Promise<object>;
  exchange(requests: AsyncIterable<object>): AsyncIterable<object>;
}
