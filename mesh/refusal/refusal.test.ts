import { expect, test } from "vitest";
import { Refusal } from "./refusal.ts";

test("a refusal carries its reason and metadata", () => {
  const refusal = new Refusal(3, { orderId: "o-1" });
  expect(refusal).toBeInstanceOf(Error);
  expect(refusal).toMatchObject({ name: "Refusal", reason: 3, metadata: { orderId: "o-1" } });
  expect(new Refusal(1).metadata).toEqual({});
});
