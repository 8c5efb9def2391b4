import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import { expectConsistent, stockOfAll } from "./invariants.ts";
import { type StartedShop, shopFolder } from "./started-shop.ts";

const kills = 4;
const orders = 80;
const methods = ["pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_slow"] as const;

/** An order that somebody wants; the request id makes it safe to ask again after a crash. */
interface Wish {
  readonly requestId: string;
  readonly paymentMethod: string;
  readonly items: { productId: string; quantity: number }[];
}

function wishes(): Wish[] {
  return Array.from({ length: orders }, (_, index) => ({
    requestId: `crash-${index}`,
    paymentMethod: methods[index % methods.length] ?? "pm_card_visa",
    items: [
      { productId: demoProduct(1 + (index % 5)), quantity: 1 + (index % 3) },
      { productId: demoProduct(6 + (index % 7)), quantity: 1 },
    ],
  }));
}

/** Places wishes, several at once, until `enough` says so or all are placed. Unanswered ones stay in the list. */
async function place(customer: Customer, list: Wish[], enough: (answered: number) => boolean): Promise<void> {
  let answered = 0;
  const worker = async () => {
    for (let wish = list.pop(); wish; wish = enough(answered) ? undefined : list.pop()) {
      const { items, ...more } = wish;
      const answer = await customer.order(items, more).catch(() => undefined);
      if (answer?.status !== 200) {
        list.push(wish);
        return;
      }
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

it("loses nothing and doubles nothing when the process is killed again and again", async () => {
  await using folder = await shopFolder({ PAYMENT_PROVIDER_SLOW_MS: "700ms" });
  const signInTo = async (shop: StartedShop) => ({
    admin: await signIn(shop.http, "admin@heddle.local", "heddle-admin"),
    ada: await signIn(shop.http, "ada@heddle.local", "heddle-demo"),
  });
  let shop = await folder.start();
  const before = await stockOfAll((await signInTo(shop)).admin);
  const list = wishes();
  for (let kill = 0; kill < kills; kill++) {
    const { ada } = await signInTo(shop);
    // Killed right after an answer that chance chooses: some orders are then anywhere between PENDING and their end.
    const fatal = randomInt(1, orders / kills);
    await place(ada, list, (answered) => {
      if (answered >= fatal) shop.kill();
      return answered >= fatal;
    });
    await shop.killed();
    shop = await folder.start();
  }
  const { ada, admin } = await signInTo(shop);
  await place(ada, list, () => false);
  expect(list).toEqual([]);
  const all = await expectConsistent(admin, before, shop.provider);
  expect(all).toHaveLength(orders);
  const statuses = new Set(all.map(({ paymentMethod, status }) => `${paymentMethod} ${status}`));
  expect([...statuses].sort()).toEqual([
    "pm_card_chargeDeclined ORDER_STATUS_CANCELLED",
    "pm_card_slow ORDER_STATUS_CONFIRMED",
    "pm_card_visa ORDER_STATUS_CONFIRMED",
  ]);
}, 600_000);
