import { expect, it } from "vitest";
import { virtualClock } from "./virtual-clock.ts";

it("rings in order of time, and lets each step run before the next", async () => {
  const clock = virtualClock(100);
  const rung: [string, number][] = [];
  const step = async (name: string, ms: number) => {
    await clock.sleep(ms);
    rung.push([name, clock.now()]);
  };
  const all = Promise.all([step("late", 20), step("early", 10).then(() => step("then", 5)), step("same", 20)]);
  await clock.advance(12);
  expect(rung).toEqual([["early", 110]]);
  expect(clock.now()).toBe(112);
  await clock.run(all);
  expect(rung.map(([name]) => name)).toEqual(["early", "then", "late", "same"]);
  expect([clock.now(), clock.pending()]).toEqual([120, 0]);
});

it("ends a sleep when its signal aborts, and leaves no timer", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  const sleep = clock.sleep(1000, controller.signal);
  expect(clock.pending()).toBe(1);
  controller.abort();
  await sleep;
  await clock.sleep(1000, controller.signal);
  expect([clock.now(), clock.pending()]).toEqual([0, 0]);
});

it("says so when a promise waits for nothing in time, and passes a failure on", async () => {
  const clock = virtualClock();
  await expect(clock.run(new Promise(() => undefined))).rejects.toThrow("no timer left");
  await expect(clock.run(Promise.reject(new Error("failed")))).rejects.toThrow("failed");
});
