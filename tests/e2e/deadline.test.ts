import { expect, it } from "vitest";
import { demoProduct, signIn, stockOf } from "./customer.ts";
import { startShop } from "./shop.ts";

it("cancels an order that is still pending when its time is up, and gives everything back", async () => {
  // Long enough for the payment to have begun when the time is up, on a busy machine too.
  await using shop = await startShop({ ORDER_DEADLINE_MS: "3s", PAYMENT_PROVIDER_SLOW_MS: "6s" });
  const admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
  const ada = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
  const before = await stockOf(admin, demoProduct(1));
  const placed = await ada.order([{ productId: demoProduct(1), quantity: 1 }], { paymentMethod: "pm_card_slow" });
  expect(await ada.settled(placed.body.id)).toMatchObject({
    status: "ORDER_STATUS_CANCELLED",
    reason: "ORDER_REASON_DEADLINE_EXCEEDED",
  });
  await ada.payment(placed.body.id, "PAYMENT_STATUS_VOIDED");
  await expect.poll(() => stockOf(admin, demoProduct(1))).toEqual(before);
});
