import { afterAll, beforeAll, expect, it } from "vitest";
import { type Customer, demoProduct, newCustomer } from "./customer.ts";
import { startShop, type TestShop } from "./shop.ts";

let shop: TestShop;
let ada: Customer;

beforeAll(async () => {
  shop = await startShop();
  ada = await newCustomer(shop.http, "ada");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

async function place(): Promise<string> {
  const { status, body } = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
  expect(status).toBe(200);
  return body.id;
}

function watch(id: string, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${ada.token}`;
  return fetch(`${shop.url}/v1/orders/${id}:watch`, {
    headers: { accept: "text/event-stream", authorization, ...headers },
  });
}

it("shows an order as it comes to its end, as server-sent events, and what a reader has seen not again", async () => {
  const id = await place();
  const events = (await (await watch(id)).text()).trim().split("\n\n");
  const last = events.at(-1) ?? "";
  expect(last).toMatch(/^id: 2\ndata: \{.*"status":"ORDER_STATUS_CONFIRMED"/);
  const again = await watch(id, { "last-event-id": "1" });
  expect((await again.text()).trim()).toBe(last);
  expect((await watch(id, { "last-event-id": "2" })).status).toBe(204);
});

it("shows it to a page by WebSocket, with the token as a subprotocol", async () => {
  const id = await place();
  const url = `${shop.url.replace("http", "ws")}/v1/orders/${id}:watch`;
  const socket = new WebSocket(url, ["heddle.json.v1", `bearer.${ada.token}`]);
  const statuses: string[] = [];
  const closed = Promise.withResolvers<number>();
  socket.addEventListener("message", ({ data }) => statuses.push(JSON.parse(data).order.status));
  socket.addEventListener("close", ({ code }) => closed.resolve(code));
  expect(await closed.promise).toBe(1000);
  expect(statuses.at(-1)).toBe("ORDER_STATUS_CONFIRMED");
  expect(new Set(statuses).size).toBe(statuses.length);
});

it("shows it to nobody else", async () => {
  const id = await place();
  const bob = await newCustomer(shop.http, "bob");
  expect((await watch(id, { authorization: `Bearer ${bob.token}` })).status).toBe(404);
  expect((await fetch(`${shop.url}/v1/orders/${id}:watch`)).status).toBe(401);
});
