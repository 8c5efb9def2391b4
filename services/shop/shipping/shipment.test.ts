import { expect, test } from "vitest";
import { maySee } from "./shipment.ts";

test("a shipment is seen by whoever ordered it, and by admins", () => {
  const shipment = { orderId: "o1", userId: "ada", shippingAddress: undefined };
  expect(maySee(shipment, { id: "ada", roles: [] })).toBe(true);
  expect(maySee(shipment, { id: "bob", roles: [] })).toBe(false);
  expect(maySee(shipment, { id: "bob", roles: ["admin"] })).toBe(true);
});
