import { describe, expect, it } from "vitest";
import { createDiscovery, readTarget } from "./index.ts";

describe("a target", () => {
  it.each([
    ["127.0.0.1:50051", { kind: "static", addresses: ["127.0.0.1:50051"] }],
    ["a:1, [::1]:2", { kind: "static", addresses: ["a:1", "[::1]:2"] }],
    ["dns:///orders.shop.svc:50051", { kind: "dns", name: "orders.shop.svc:50051" }],
    ["dns:///_grpc._tcp.orders.shop.svc", { kind: "dns", name: "_grpc._tcp.orders.shop.svc" }],
    ["mesh:///shop.order", { kind: "registry", service: "shop.order" }],
  ])("%s is read", (text, target) => {
    expect(readTarget(text)).toEqual(target);
  });

  it.each(["", "orders", "a:1,", "a:b", "dns:///orders", "dns://8.8.8.8/orders:1", "mesh:///order", "xds:///orders:1"])(
    "%j is refused",
    (text) => {
      expect(readTarget(text)).toBeUndefined();
      expect(() => createDiscovery().watch("shop.order", text, () => undefined)).toThrow(/host:port/);
    },
  );

  it("needs a registry where it names one", () => {
    expect(() => createDiscovery().watch("shop.order", "mesh:///shop.order", () => undefined)).toThrow(/registry/);
  });
});
