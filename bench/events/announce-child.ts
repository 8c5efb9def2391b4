// The producing service of the hop.
import { setTimeout } from "node:timers/promises";
import { announce, createAnnouncer } from "./announcer.ts";
import { serve } from "./child.ts";
import { now } from "./clock.ts";

const [postgresUrl = "", natsUrl = ""] = process.argv.slice(2);
const announcer = await createAnnouncer(postgresUrl, natsUrl);
const events = announcer.createEvents();
await events.start();
const perSecond = 200;
let orders = 0;

/** Announces `count` orders, each when its time has come, whatever became of the others. When each was committed. */
async function flow(count: number): Promise<[string, number][]> {
  const started = now();
  const committed: Promise<[string, number]>[] = [];
  while (committed.length < count) {
    const due = Math.min(count, Math.floor(((now() - started) / 1000) * perSecond));
    while (committed.length < due) committed.push(announceOne(`order-${orders++}`));
    await setTimeout(1);
  }
  return await Promise.all(committed);
}

async function announceOne(orderId: string): Promise<[string, number]> {
  await announce(announcer, events, [orderId]);
  return [orderId, now()];
}

serve({ flow });
