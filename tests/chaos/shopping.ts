import { eventually } from "#mesh/testing";
import { type Customer, demoProduct, signIn } from "../e2e/customer.ts";
import type { StartedShop } from "../e2e/started-shop.ts";

/** Ada, at a shop that was just started. */
export function ada(shop: StartedShop): Promise<Customer> {
  return signIn(shop.http, "ada@heddle.local", "heddle-demo");
}

/** Places an order for one piece; undefined when there was no answer. */
export async function buy(customer: Customer, n: number, paymentMethod = "pm_card_visa"): Promise<string | undefined> {
  const items = [{ productId: demoProduct(1 + (n % 20)), quantity: 1 }];
  const answer = await customer.order(items, { paymentMethod }).catch(() => undefined);
  return answer?.status === 200 ? answer.body.id : undefined;
}

/** Places an order for one piece, and asks until there is an answer: a busy shop refuses what it has no room for. */
export async function insistOn(customer: Customer, n: number): Promise<string> {
  return eventually(
    async () => {
      const id = await buy(customer, n);
      if (id === undefined) throw new Error("nobody takes the order");
      return id;
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
}

/** Places orders one after another until `ended` says so, and a few at once: there is always something in hand. */
export async function keepBuying(customer: Customer, ended: () => boolean, paymentMethod?: string): Promise<void> {
  const buyer = async (first: number) => {
    for (let n = first; !ended(); n += 3) await buy(customer, n, paymentMethod);
  };
  await Promise.all([0, 1, 2].map(buyer));
}
