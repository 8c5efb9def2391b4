import { expect, test } from "vitest";
import { group } from "./group.ts";
import type { Part } from "./part.ts";

function recorder() {
  const seen: string[] = [];
  const part = (name: string, faults: { start?: Error; stop?: Error } = {}): Part => ({
    name,
    async start() {
      seen.push(`start ${name}`);
      if (faults.start) throw faults.start;
    },
    async stop() {
      seen.push(`stop ${name}`);
      if (faults.stop) throw faults.stop;
    },
  });
  return { seen, part };
}

test("parts start in order and stop in reverse", async () => {
  const { seen, part } = recorder();
  const parts = group("all", [part("a"), group("inner", [part("b"), part("c")])]);
  await parts.start();
  await parts.stop();
  expect(seen).toEqual(["start a", "start b", "start c", "stop c", "stop b", "stop a"]);
});

test("a failed start stops what had started and throws its error", async () => {
  const { seen, part } = recorder();
  const fault = new Error("no");
  await expect(group("all", [part("a"), part("b", { start: fault }), part("c")]).start()).rejects.toBe(fault);
  expect(seen).toEqual(["start a", "start b", "stop b", "stop a"]);
});

test("a failed stop does not keep the others from stopping", async () => {
  const { seen, part } = recorder();
  const parts = group("all", [part("a", { stop: new Error("a") }), part("b"), part("c", { stop: new Error("c") })]);
  await parts.start();
  await expect(parts.stop()).rejects.toThrow("all: 2 parts did not stop cleanly");
  expect(seen.slice(3)).toEqual(["stop c", "stop b", "stop a"]);
});

test("a stop during the start starts nothing further", async () => {
  const { seen, part } = recorder();
  const slow = Promise.withResolvers<void>();
  const b: Part = { ...part("b"), start: () => slow.promise };
  const parts = group("all", [part("a"), b, part("c")]);
  const starting = parts.start();
  await expect.poll(() => seen).toEqual(["start a"]);
  await parts.stop();
  slow.resolve();
  await starting;
  expect(seen).toEqual(["start a", "stop b", "stop a", "stop b"]);
});

test("a group can start again", async () => {
  const { seen, part } = recorder();
  const parts = group("all", [part("a")]);
  for (let round = 0; round < 2; round++) {
    await parts.start();
    await parts.stop();
  }
  expect(seen).toEqual(["start a", "stop a", "start a", "stop a"]);
});
