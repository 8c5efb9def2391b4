import { expect, test } from "vitest";
import { createKeyedQueue } from "./keyed-queue.ts";

test("runs a key's work in order, other keys beside it, and never more than there are places", async () => {
  const queue = createKeyedQueue(2);
  const order: string[] = [];
  let running = 0;
  let most = 0;
  const work = (key: string, n: number) =>
    queue.run(key, async () => {
      running++;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      order.push(`${key}${n}`);
      running--;
    });
  await Promise.all(["a", "b", "c"].flatMap((key) => [1, 2, 3].map((n) => work(key, n))));
  expect(most).toBe(2);
  expect(order).toHaveLength(9);
  for (const key of ["a", "b", "c"]) {
    expect(order.filter((name) => name.startsWith(key))).toEqual([`${key}1`, `${key}2`, `${key}3`]);
  }
});

test("goes on after work that fails", async () => {
  const queue = createKeyedQueue(1);
  const failing = queue.run("a", () => Promise.reject(new Error("no")));
  const next = queue.run("a", async () => "next");
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe("next");
});
