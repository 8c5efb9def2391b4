// How fast a whole shop in one process takes orders to their end, from the start of the program on.
import { shopFolder } from "../../tests/e2e/started-shop.ts";
import { createBuyer } from "./buyer.ts";
import { percentile } from "./percentile.ts";
import { residentMegabytes } from "./resident-memory.ts";

const warmUp = 50;
const orders = 950;
const inFlight = 32;
const singles = 100;

/** What the benchmark found. Durations in milliseconds. */
export interface CheckoutResult {
  /** From the start of the program to the answer of the first accepted order, everything installed, no data yet. */
  readonly firstOrderMs: number;
  /** Orders a second from the first POST to the last CONFIRMED, 32 in flight. */
  readonly confirmedPerSecond: number;
  /** From POST to CONFIRMED, one order at a time. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory of the one Node process after all orders. */
  readonly residentMegabytes: number;
}

/** Runs the benchmark in a folder of its own; takes about half a minute. */
export async function runCheckoutBench(): Promise<CheckoutResult> {
  await using folder = await shopFolder();
  const started = performance.now();
  const shop = await folder.start();
  const buyer = await createBuyer(shop.http);
  await buyer.place();
  const firstOrderMs = performance.now() - started;
  await buyer.placeMany(warmUp, inFlight);
  await buyer.allConfirmed();
  const latencies = await measureSingles(buyer);
  const confirmedPerSecond = await measureThroughput(buyer);
  return {
    firstOrderMs,
    confirmedPerSecond,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    residentMegabytes: residentMegabytes(shop.processId),
  };
}

type Buyer = Awaited<ReturnType<typeof createBuyer>>;

async function measureSingles(buyer: Buyer): Promise<number[]> {
  const latencies: number[] = [];
  for (let n = 0; n < singles; n++) {
    const started = performance.now();
    await buyer.confirmed(await buyer.place());
    latencies.push(performance.now() - started);
  }
  return latencies;
}

async function measureThroughput(buyer: Buyer): Promise<number> {
  const started = performance.now();
  await buyer.placeMany(orders, inFlight);
  await buyer.allConfirmed();
  return orders / ((performance.now() - started) / 1000);
}
