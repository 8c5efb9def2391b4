// How fast events go from an outbox to an inbox, and what a whole order costs.
import { measureDrain } from "./drain.ts";
import { measureHop } from "./hop.ts";
import { measureOrders } from "./orders.ts";
import { startServers } from "./servers.ts";

/** One figure. `limit` is what the same machine reached in the same run without Heddle. */
export interface Figure {
  readonly figure: number;
  readonly limit?: number;
  readonly ratio?: number;
  readonly aim: string;
}

/** Runs for about three minutes. Prints what an order costs, and returns everything else. */
export async function runEventsBench(): Promise<Record<string, Figure>> {
  const { hop, drain } = await measureEvents();
  const { perSecond, plainPerSecond, writes, cost } = await measureShop();
  console.log("One order, by service:");
  console.table(cost);
  return {
    "hop p50, ms": { figure: round1(hop.alone.p50Ms), aim: "≤ 3" },
    "hop p99, ms": { figure: round1(hop.alone.p99Ms), aim: "≤ 15" },
    "hop max, ms": { figure: round1(hop.alone.maxMs), aim: "" },
    "hop p50 while pruning, ms": { figure: round1(hop.pruning.p50Ms), aim: "" },
    "hop p99 while pruning, ms": { figure: round1(hop.pruning.p99Ms), aim: "≤ 15" },
    "relay drains, events/s": { ...against(drain.relay, drain.byHand), aim: "≥ 15000" },
    "  only publishing, events/s": { figure: Math.round(drain.publishAlone), aim: "" },
    "  only marking, events/s": { figure: Math.round(drain.markAlone), aim: "" },
    "orders to their end, orders/s": { ...against(perSecond, plainPerSecond), aim: "" },
    "  transactions that write, per order": { figure: writes, aim: "" },
  };
}

async function measureEvents() {
  await using servers = await startServers();
  return { hop: await measureHop(servers), drain: await measureDrain(servers) };
}

/** On servers of its own: what the others have left in outboxes and streams would be counted as the work of orders. */
async function measureShop() {
  await using servers = await startServers();
  return await measureOrders(servers);
}

function against(figure: number, limit: number) {
  return { figure: round1(figure), limit: round1(limit), ratio: Math.round((figure / limit) * 100) / 100 };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
