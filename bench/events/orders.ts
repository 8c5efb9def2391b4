import { type ShopFolder, shopFolder } from "../../tests/e2e/started-shop.ts";
import { createBuyer } from "../checkout/buyer.ts";
import { startChild } from "./child.ts";
import { startCountingProxy } from "./counting-proxy.ts";
import { median } from "./median.ts";
import type { PlainOrders } from "./plain-child.ts";
import type { Servers } from "./servers.ts";
import { readStatistics, type Work, workBetween } from "./statistics.ts";

/** What one order costs a service, by name of its database. */
export type OrderCost = Readonly<Record<string, { transactions: number; statements: number; roundTrips: number }>>;

/** Orders from the gateway to the end of their saga. */
export interface OrdersResult {
  readonly perSecond: number;
  /** The same rows in as many transactions by plain SQL. */
  readonly plainPerSecond: number;
  /** Transactions of one order that write. */
  readonly writes: number;
  readonly cost: OrderCost;
}

const warmUp = 50;
const rounds = 3;
const orders = 300;
const inFlight = 32;
/** Orders over which the cost is counted. */
const counted = 200;
/** As many as the pools of the five services that an order writes in. */
const connections = 50;

/** Measures the shop as `npm start` runs it, and the same writes by hand, in turns; takes about a minute. */
export async function measureOrders(servers: Servers): Promise<OrdersResult> {
  const { cost, writes, work } = await countCost(servers);
  const rows = { inserted: sumOf(work, "inserted"), changed: sumOf(work, "changed") };
  const plainOrders: PlainOrders = { commits: writes, ...rows, connections, inFlight };
  const plain = startChild("plain-child.ts", [servers.postgresUrl, JSON.stringify(plainOrders)]);
  await using folder = await shopFolder(environmentOf(servers.postgresUrl, servers));
  const buyer = await buyerIn(folder);
  try {
    const measured = { shop: [] as number[], plain: [] as number[] };
    for (let round = -1; round < rounds; round++) {
      const shop = await ordersPerSecond(buyer, round < 0 ? warmUp : orders);
      const byHand = await plain.ask<number>("write", round < 0 ? warmUp : orders);
      if (round < 0) continue;
      measured.shop.push(shop);
      measured.plain.push(byHand);
    }
    return { perSecond: median(measured.shop), plainPerSecond: median(measured.plain), writes, cost };
  } finally {
    plain.end();
  }
}

type Buyer = Awaited<ReturnType<typeof createBuyer>>;

async function buyerIn(folder: ShopFolder): Promise<Buyer> {
  return await createBuyer((await folder.start()).http);
}

function environmentOf(postgresUrl: string, { natsUrl }: Servers): Record<string, string> {
  return { POSTGRES_URL: postgresUrl, NATS_URL: natsUrl };
}

async function ordersPerSecond(buyer: Buyer, count: number): Promise<number> {
  const started = performance.now();
  await buyer.placeMany(count, inFlight);
  await buyer.allConfirmed();
  return count / ((performance.now() - started) / 1000);
}

/** A shop of its own behind a proxy that counts: counting must not slow down what is measured. */
async function countCost(servers: Servers) {
  using proxy = await startCountingProxy(servers.postgresUrl);
  await using folder = await shopFolder(environmentOf(proxy.url, servers));
  const buyer = await buyerIn(folder);
  await ordersPerSecond(buyer, warmUp);
  const before = await readStatistics(servers.postgresUrl);
  const tripsBefore = new Map(proxy.roundTrips);
  await ordersPerSecond(buyer, counted);
  const after = await readStatistics(servers.postgresUrl);
  const tripsAfter = proxy.roundTrips;
  const work = workBetween(before, after, counted);
  const tripsOf = (name: string) => ((tripsAfter.get(name) ?? 0) - (tripsBefore.get(name) ?? 0)) / counted;
  const cost = Object.fromEntries(
    [...work].map(([name, { transactions, statements }]) => [
      name,
      { transactions: round1(transactions), statements: round1(statements), roundTrips: round1(tripsOf(name)) },
    ]),
  );
  return { cost, work, writes: Math.round((after.writes - before.writes) / counted) };
}

function sumOf(work: ReadonlyMap<string, Work>, what: keyof Work): number {
  return Math.round([...work.values()].reduce((sum, each) => sum + each[what], 0));
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
