import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { expect, onTestFinished, test } from "vitest";
import { localPostgres } from "#mesh/local";
import { count, emission, hasStatus, isPublished, placed, testWorld, waitFor } from "./world.fixture.ts";

/** A Postgres of the test's own, to stop and start it. */
async function ownPostgres() {
  const folder = await mkdtemp(join(tmpdir(), "heddle-postgres-"));
  const server = localPostgres({ folder });
  await server.start();
  onTestFinished(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return server;
}

test("Postgres may restart under load: what was committed has one effect, and nothing else has any", async () => {
  const postgres = await ownPostgres();
  await using world = await testWorld({ postgresUrl: postgres.url });
  const orders = await world.orders();
  const inventory = await world.inventory(async ({ key }, tx) => {
    // A primary key: a second effect would fail, and be seen as a dead letter.
    await tx.execute(sql`insert into heddle.aggregate values ('effect', ${key}, 1)`);
    return "done";
  });
  let restarted = false;
  const announce = async (writer: number) => {
    for (let n = 0; !restarted || n < 20; n++) {
      await orders.database
        .transaction((tx) => orders.events.outbox.append(tx, [emission(placed(`${writer}-${n}`))]))
        .catch(() => undefined);
    }
  };
  const writers = Promise.all([1, 2, 3, 4].map(announce));
  await waitFor(async () => expect(await count(inventory, "inbox")).toBeGreaterThan(20));
  await postgres.stop();
  await postgres.start();
  restarted = true;
  await writers;
  await waitFor(async () => expect(await count(orders, "outbox", sql`published_at is null`)).toBe(0));
  const announced = await count(orders, "outbox", isPublished);
  await waitFor(async () => expect(await count(inventory, "inbox", hasStatus("done"))).toBe(announced));
  expect(await count(inventory, "aggregate", sql`aggregate = 'effect'`)).toBe(announced);
  expect(await count(inventory, "dead_letter")).toBe(0);
});
