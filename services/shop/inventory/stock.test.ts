import { expect, test } from "vitest";
import { InventoryErrorReason as Reason } from "#gen/shop/inventory/v1/inventory_errors_pb.ts";
import {
  adjust,
  availabilityChanges,
  commit,
  gather,
  maxOnHand,
  release,
  reserve,
  type StockLevel,
  shortProducts,
} from "./stock.ts";

const levels: StockLevel[] = [
  { productId: "a", onHand: 5, reserved: 2 },
  { productId: "b", onHand: 1, reserved: 0 },
];

test("a product listed twice counts with all of its pieces, in the order of ids", () => {
  const items = [
    { productId: "b", quantity: 1 },
    { productId: "a", quantity: 2 },
    { productId: "B", quantity: 3 },
  ];
  expect(gather(items)).toEqual([
    { productId: "a", quantity: 2 },
    { productId: "b", quantity: 4 },
  ]);
});

test("what is reserved or unknown cannot be ordered", () => {
  const wanted = (productId: string, quantity: number) => shortProducts(levels, [{ productId, quantity }]);
  expect(wanted("a", 3)).toEqual([]);
  expect(wanted("a", 4)).toEqual(["a"]);
  expect(wanted("c", 1)).toEqual(["c"]);
});

test("reserved pieces come back or leave the house", () => {
  const items = [
    { productId: "a", quantity: 3 },
    { productId: "b", quantity: 1 },
  ];
  const reserved = reserve(levels, items);
  expect(reserved.map((level) => level.reserved)).toEqual([5, 1]);
  expect(release(reserved, items)).toEqual(levels);
  expect(commit(reserved, items)).toEqual([
    { productId: "a", onHand: 2, reserved: 2 },
    { productId: "b", onHand: 0, reserved: 0 },
  ]);
});

test("availability is announced only when it crosses zero", () => {
  const soldOut = reserve(levels, [{ productId: "b", quantity: 1 }]);
  expect(availabilityChanges(levels, soldOut)).toEqual([{ productId: "b", available: false }]);
  expect(availabilityChanges(soldOut, levels.slice(1))).toEqual([{ productId: "b", available: true }]);
  expect(availabilityChanges(levels, reserve(levels, [{ productId: "a", quantity: 1 }]))).toEqual([]);
});

test("an adjustment keeps reserved pieces and the size of the house", () => {
  const [level] = levels;
  if (!level) throw new Error("no level");
  expect(adjust(level, -3).onHand).toBe(2);
  expect(() => adjust(level, -4)).toThrow(
    expect.objectContaining({ reason: Reason.STOCK_TOO_LOW, metadata: { product_id: "a", available: "3" } }),
  );
  expect(() => adjust(level, maxOnHand)).toThrow(expect.objectContaining({ reason: Reason.STOCK_TOO_HIGH }));
});
