import { expect, test } from "vitest";
import { virtualClock } from "#mesh/testing";
import { memoryIdempotencyStore } from "./idempotency-store.ts";

const print = Buffer.from("a request");
const times = { leaseMs: 1_000, lifeMs: 60_000 };
const answer = (bytes = 0) => ({ status: 200, headers: {}, body: new Uint8Array(bytes) });

test("a key runs, is interrupted when its lease is over, and is free when its life is", async () => {
  const clock = virtualClock();
  const store = memoryIdempotencyStore(clock.now);
  const state = async () => (await store.claim("k", print, times)).state;
  expect([await state(), await state()]).toEqual(["first", "running"]);
  await clock.advance(1_000);
  expect(await state()).toBe("interrupted");
  await clock.advance(59_000);
  expect(await state()).toBe("first");
});

test("an answer is given until it expires, and only for the same request", async () => {
  const clock = virtualClock();
  const store = memoryIdempotencyStore(clock.now);
  await store.claim("k", print, times);
  await store.keep("k", answer());
  expect(await store.claim("k", print, times)).toEqual({ state: "answered", answer: answer() });
  expect(await store.claim("k", Buffer.from("another"), times)).toEqual({ state: "other" });
  await clock.advance(60_000);
  expect(await store.claim("k", Buffer.from("another"), times)).toEqual({ state: "first" });
});

test("a released key is free", async () => {
  const store = memoryIdempotencyStore(virtualClock().now);
  await store.claim("k", print, times);
  await store.release("k");
  expect(await store.claim("k", print, times)).toEqual({ state: "first" });
});

test("a full memory forgets the oldest answers, and nothing that is under way", async () => {
  const store = memoryIdempotencyStore(virtualClock().now, 10_000);
  const state = async (key: string) => (await store.claim(key, print, times)).state;
  await state("under way");
  for (const key of ["a", "b", "c"]) {
    await state(key);
    await store.keep(key, answer(3_000));
  }
  expect([await state("under way"), await state("a"), await state("c")]).toEqual(["running", "first", "answered"]);
});
