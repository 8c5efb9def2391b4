import { expect } from "vitest";
import { type Customer, demoProduct, stockOf } from "./customer.ts";

/** What the provider says about its authorizations. */
export interface ProviderTotals {
  readonly authorizations: readonly { reference: string; status: string; amount?: { units: string; nanos: number } }[];
}

/** Stock of the demo products by id. */
export async function stockOfAll(admin: Customer): Promise<Map<string, { onHand: number; reserved: number }>> {
  const ids = Array.from({ length: 24 }, (_, index) => demoProduct(index + 1));
  return new Map(await Promise.all(ids.map(async (id) => [id, await stockOf(admin, id)] as const)));
}

// biome-ignore lint/suspicious/noExplicitAny: orders as they come in JSON.
type Order = any;

/** All orders of everybody, as an admin lists them. */
export async function allOrders(admin: Customer): Promise<Order[]> {
  const orders: Order[] = [];
  let pageToken = "";
  do {
    const { body } = await admin.http(`GET /v1/orders?pageSize=100&pageToken=${pageToken}`, { token: admin.token });
    orders.push(...body.orders);
    pageToken = body.nextPageToken;
  } while (pageToken);
  return orders;
}

/**
 * Waits until every order has reached its end, then checks that stock, money, shipments and orders agree:
 * sold pieces are exactly those of confirmed orders and none is set aside, the provider has captured exactly the
 * totals of confirmed orders and holds nothing else, and exactly the confirmed orders are sent, each to its address.
 */
export async function expectConsistent(
  admin: Customer,
  before: ReadonlyMap<string, { onHand: number }>,
  provider: () => Promise<ProviderTotals>,
): Promise<Order[]> {
  await expect
    .poll(async () => (await allOrders(admin)).filter(({ status }) => status === "ORDER_STATUS_PENDING").length, {
      timeout: 60_000,
    })
    .toBe(0);
  const orders = await allOrders(admin);
  const confirmed = orders.filter(({ status }) => status === "ORDER_STATUS_CONFIRMED");
  const sold = Map.groupBy(
    confirmed.flatMap(({ items }) => items),
    ({ productId }) => productId,
  );
  const expectedStock = [...before].map(([id, { onHand }]) => [
    id,
    { onHand: onHand - (sold.get(id) ?? []).reduce((sum, { quantity }) => sum + quantity, 0), reserved: 0 },
  ]);
  await expect.poll(async () => [...(await stockOfAll(admin))], { timeout: 30_000 }).toEqual(expectedStock);
  await expect.poll(async () => moneyHeld(await provider()), { timeout: 30_000 }).toEqual(moneyOwed(confirmed));
  await expect.poll(() => shipmentsOf(admin, orders), { timeout: 30_000 }).toEqual(shipmentsOwed(confirmed));
  return orders;
}

/** Status and address of every shipment, by order. An order has one or none. */
async function shipmentsOf(admin: Customer, orders: readonly Order[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { id } of orders) {
    const { status, body } = await admin.http(`GET /v1/orders/${id}/shipment`, { token: admin.token });
    if (status !== 404) found[id] = { status: body.status, shippingAddress: body.shippingAddress };
  }
  return found;
}

function shipmentsOwed(confirmed: readonly Order[]): Record<string, unknown> {
  return Object.fromEntries(
    confirmed.map(({ id, shippingAddress }) => [id, { status: "SHIPMENT_STATUS_CREATED", shippingAddress }]),
  );
}

/** Amounts that the provider has captured or still holds, by order: "captured 12/500000000". */
function moneyHeld({ authorizations }: ProviderTotals): Record<string, string> {
  const held = authorizations.filter(({ status }) => status === "CAPTURED" || status === "AUTHORIZED");
  return Object.fromEntries(
    held.map(({ reference, status, amount }) => [
      reference,
      `${status.toLowerCase()} ${amount?.units}/${amount?.nanos}`,
    ]),
  );
}

function moneyOwed(confirmed: readonly Order[]): Record<string, string> {
  return Object.fromEntries(confirmed.map(({ id, total }) => [id, `captured ${total.units}/${total.nanos}`]));
}
