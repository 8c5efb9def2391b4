import { expect, test } from "vitest";
import { count, hasStatus, placed, recorder, testWorld, waitFor } from "./world.fixture.ts";

test("what a stopping replica had asked for goes to another at once", async () => {
  await using world = await testWorld();
  const { receive } = recorder();
  const orders = await world.orders();
  const stays = await world.inventory(receive);
  let over = false;
  const announceOn = async (writer: number) => {
    for (let n = 0; !over; n++) {
      await orders.announce(...Array.from({ length: 5 }, (_, i) => placed(`${writer}-${n}-${i}`)));
    }
  };
  const writers = Promise.all([1, 2].map(announceOn));
  for (let round = 1; round <= 5; round++) {
    const goes = await world.inventory(receive);
    const before = await count(stays, "inbox");
    await waitFor(async () => expect(await count(stays, "inbox")).toBeGreaterThan(before + 50));
    await world.stop(goes);
  }
  over = true;
  await writers;
  const announced = await count(orders, "outbox");
  // Sooner than the broker sends again what was not answered: that takes 30 s.
  await waitFor(async () => expect(await count(stays, "inbox", hasStatus("done"))).toBe(announced));
});
