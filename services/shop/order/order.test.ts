import { expect, test } from "vitest";
import { OrderErrorReason as Reason } from "#gen/shop/order/v1/order_errors_pb.ts";
import type { Amount } from "./money.ts";
import { maySee, priceOrder, visibleUser } from "./order.ts";

const euros = (units: bigint, nanos = 0): Amount => ({ currencyCode: "EUR", units, nanos });
const product = (id: string, price: Amount) => ({ id, name: `Product ${id}`, price });

test("the total is exact to the billionth", () => {
  const products = [product("a", euros(0n, 100_000_000)), product("b", euros(999_999_999n, 999_999_999))];
  const wanted = [
    { productId: "a", quantity: 3 },
    { productId: "b", quantity: 1000 },
  ];
  const { lines, total } = priceOrder(wanted, products);
  expect(total).toEqual(euros(1_000_000_000_000n, 299_999_000));
  expect(lines[0]).toEqual({ productId: "a", quantity: 3, name: "Product a", unitPrice: euros(0n, 100_000_000) });
});

test("one product written in two ways is one line", () => {
  const wanted = [
    { productId: "AB", quantity: 1 },
    { productId: "ab", quantity: 2 },
  ];
  const { lines, total } = priceOrder(wanted, [product("ab", euros(2n))]);
  expect(lines).toMatchObject([{ productId: "ab", quantity: 3 }]);
  expect(total).toEqual(euros(6n));
});

test("unknown products and mixed currencies are refused", () => {
  const wanted = [
    { productId: "a", quantity: 1 },
    { productId: "b", quantity: 1 },
  ];
  expect(() => priceOrder(wanted, [product("a", euros(1n))])).toThrow(
    expect.objectContaining({ reason: Reason.PRODUCT_NOT_FOUND, metadata: { product_id: "b" } }),
  );
  const dollars = product("b", { currencyCode: "USD", units: 1n, nanos: 0 });
  expect(() => priceOrder(wanted, [product("a", euros(1n)), dollars])).toThrow(
    expect.objectContaining({ reason: Reason.CURRENCIES_MIXED }),
  );
});

test("orders are for their customer and for admins", () => {
  const ada = { id: "ada", roles: [] };
  const admin = { id: "root", roles: ["admin"] };
  expect(maySee({ userId: "ada" }, ada)).toBe(true);
  expect(maySee({ userId: "bob" }, ada)).toBe(false);
  expect(maySee({ userId: "bob" }, admin)).toBe(true);
  expect(visibleUser(ada, "")).toBe("ada");
  expect(visibleUser(ada, "ada")).toBe("ada");
  expect(() => visibleUser(ada, "bob")).toThrow(expect.objectContaining({ reason: Reason.NOT_YOURS }));
  expect(visibleUser(admin, "")).toBeUndefined();
  expect(visibleUser(admin, "bob")).toBe("bob");
});
