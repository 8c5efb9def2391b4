import { expect, it, vi } from "vitest";
import { eventually } from "#mesh/testing";
import { createDiscovery, dnsSource, type Instance } from "./index.ts";

/** Publications of a watch as addresses. */
function recorder() {
  const sets: string[][] = [];
  return { sets, publish: (instances: readonly Instance[]) => sets.push(instances.map(({ address }) => address)) };
}

it("publishes new replicas without waiting for a connection to break", async () => {
  const { sets, publish } = recorder();
  let addresses = ["10.0.0.2", "10.0.0.1"];
  const stop = dnsSource("orders:50051", { intervalMs: 5, lookUp: async () => addresses }).watch("shop.order", publish);
  await eventually(() => expect(sets).toEqual([["10.0.0.1:50051", "10.0.0.2:50051"]]));
  addresses = ["10.0.0.1", "10.0.0.2", "fd00::3"];
  await eventually(() => expect(sets).toHaveLength(2));
  expect(sets[1]).toEqual(["10.0.0.1:50051", "10.0.0.2:50051", "[fd00::3]:50051"]);
  stop();
});

it("keeps what was known when an answer fails or is empty, and says nothing when nothing has changed", async () => {
  const { sets, publish } = recorder();
  const onFault = vi.fn();
  const answers = [["10.0.0.1"], undefined, [], ["10.0.0.1"], ["10.0.0.9"]];
  const lookUp = async () => {
    const answer = answers.shift();
    if (!answer) throw new Error("SERVFAIL");
    return answer;
  };
  const stop = dnsSource("orders:50051", { intervalMs: 1, lookUp, onFault }).watch("shop.order", publish);
  await eventually(() => expect(sets).toEqual([["10.0.0.1:50051"], ["10.0.0.9:50051"]]));
  stop();
  expect(onFault).toHaveBeenCalled();
});

it("takes ports and weights from SRV records", async () => {
  const found: Instance[] = [];
  const lookUpSrv = async () => [
    { name: "a.example", port: 1, weight: 0 },
    { name: "b.example", port: 2, weight: 70 },
  ];
  const lookUp = async (host: string) => [host === "a.example" ? "10.0.0.1" : "10.0.0.2"];
  const source = dnsSource("_grpc._tcp.orders", { lookUp, lookUpSrv });
  const stop = source.watch("shop.order", (instances) => found.push(...instances));
  await eventually(() => expect(found).toHaveLength(2));
  stop();
  expect(found.map(({ address, weight }) => [address, weight])).toEqual([
    ["10.0.0.1:1", 1],
    ["10.0.0.2:2", 70],
  ]);
});

it("asks the operating system where nobody says otherwise", async () => {
  const { sets, publish } = recorder();
  const stop = createDiscovery().watch("shop.order", "dns:///localhost:50051", publish);
  await eventually(() => expect(sets[0]).toContain("127.0.0.1:50051"));
  stop();
});
