import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "#mesh/testing";
import { type Customer, demoProduct, signIn } from "./customer.ts";
import { type EdgeBalancer, edgeBalancer } from "./edge-balancer.ts";
import { expectConsistent, stockOfAll } from "./invariants.ts";
import { startShopReplicas } from "./shop-replicas.ts";

/** Two shop at once: each orders, waits until the order is settled, and looks around, again and again until the end. */
function shopOn(customer: Customer): { readonly placed: string[]; end(): Promise<void> } {
  const { http, token } = customer;
  const placed: string[] = [];
  let ended = false;

  async function shopOnFrom(first: number): Promise<void> {
    for (let n = first; !ended; n++) {
      const { body } = await customer.order([{ productId: demoProduct(1 + (n % 20)), quantity: 1 }]);
      placed.push(body.id);
      await customer.settled(body.id);
      await http("GET /v1/products?query=tea&pageSize=3");
      await http("GET /v1/orders?pageSize=3", { token });
      await http("GET /v1/users/me", { token });
      // They look, too: what is being started needs some of the machine.
      await sleep(150);
    }
  }

  const running = Promise.all([shopOnFrom(0), shopOnFrom(7)]);
  // Awaited at the end.
  running.catch(() => undefined);
  return {
    placed,
    async end() {
      ended = true;
      await running;
    },
  };
}

async function moreAnswers(edge: EdgeBalancer, count: number): Promise<void> {
  const enough = edge.answered + count;
  await eventually(() => expect(edge.answered).toBeGreaterThanOrEqual(enough), { timeoutMs: 60_000 });
}

it("loses no call and no event when every process is restarted in turn under load", async () => {
  await using shop = await startShopReplicas(2);
  await using edge = edgeBalancer(shop.gateways.map(({ address }) => address));
  const admin = await signIn(edge.http, "admin@heddle.local", "heddle-admin");
  const ada = await signIn(edge.http, "ada@heddle.local", "heddle-demo");
  const before = await stockOfAll(admin);
  const load = shopOn(ada);
  await moreAnswers(edge, 20);

  for (const one of [...shop.services, ...shop.gateways]) {
    expect({ name: one.name, code: await one.stop(), output: one.output() }).toMatchObject({ code: 0 });
    await moreAnswers(edge, 20);
    await one.start();
    await moreAnswers(edge, 20);
  }

  const outcome = await load.end().then(() => "ended well", String);
  expect({ failures: edge.failures, outcome }).toEqual({ failures: [], outcome: "ended well" });
  const orders = await expectConsistent({ ...admin, http: edge.http }, before, shop.provider);
  expect(orders.map(({ id }) => id).toSorted()).toEqual(load.placed.toSorted());
  expect(new Set(orders.map(({ status }) => status))).toEqual(new Set(["ORDER_STATUS_CONFIRMED"]));
}, 900_000);
