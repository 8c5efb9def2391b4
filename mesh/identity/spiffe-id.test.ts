import { expect, test } from "vitest";
import { serviceNamed, spiffeId } from "./spiffe-id.ts";

test("a service has an id, and an id a service", () => {
  expect(spiffeId("heddle.local", "shop.order")).toBe("spiffe://heddle.local/shop/order");
  expect(spiffeId("heddle.local", "gateway")).toBe("spiffe://heddle.local/gateway");
  const names = "URI:spiffe://heddle.local/shop/order, DNS:localhost, IP Address:127.0.0.1";
  expect(serviceNamed("heddle.local", names)).toBe("shop.order");
});

test.each(["", "shop order", "shop/order", "../order", "shop..order"])('"%s" is no name', (name) => {
  expect(() => spiffeId("heddle.local", name)).toThrow(TypeError);
});

test.each([
  ["no name", undefined],
  ["no id", "DNS:localhost"],
  ["an id of another trust domain", "URI:spiffe://other.local/shop/order"],
  ["an id whose trust domain begins like ours", "URI:spiffe://heddle.local.evil/shop/order"],
  ["two ids", "URI:spiffe://heddle.local/shop/order, URI:spiffe://heddle.local/shop/payment"],
  ["a second URI", "URI:spiffe://heddle.local/shop/order, URI:https://heddle.local"],
  ["another name that looks like an id", 'DNS:"a, URI:spiffe://heddle.local/shop/order, b"'],
  ["a path with dots", "URI:spiffe://heddle.local/shop.order"],
  ["no path", "URI:spiffe://heddle.local/"],
  ["an open path", "URI:spiffe://heddle.local/shop/order/"],
])("%s names no service", (_, names) => {
  expect(serviceNamed("heddle.local", names)).toBeUndefined();
});
