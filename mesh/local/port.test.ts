import { expect, test } from "vitest";
import { freePort, portGiver } from "./port.ts";

test("what one program was given no other is given, though nobody listens there yet", async () => {
  // Three blocks amid ports that are this process's own.
  const range = { first: await freePort(), blockSize: 4, blocks: 3 };
  const [one, other] = [portGiver(range), portGiver(range)];
  const given = [await one()];
  for (let nth = 0; nth < 6; nth++) given.push(await other());
  await expect(other()).rejects.toThrow("no free port is left");
  given.push(await one(), await one());
  await expect(one()).rejects.toThrow("no free port is left");
  expect(new Set(given).size).toBe(9);
});

test("several that ask at once are given different ones", async () => {
  const ports = await Promise.all(Array.from({ length: 100 }, () => freePort()));
  expect(new Set(ports).size).toBe(100);
});
