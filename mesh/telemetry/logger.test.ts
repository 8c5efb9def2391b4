import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

function memory(): { lines: string[]; write(line: string): void } {
  const lines: string[] = [];
  return { lines, write: (line) => lines.push(line) };
}

test("an entry is one line of JSON with name, level and time", () => {
  const destination = memory();
  createLogger({ name: "shop.order", destination }).info({ orderId: "o-1" }, "placed");
  expect(destination.lines).toHaveLength(1);
  const entry = JSON.parse(destination.lines[0] ?? "");
  expect(entry).toMatchObject({ name: "shop.order", level: "info", orderId: "o-1", msg: "placed" });
  expect(new Date(entry.time).toISOString()).toBe(entry.time);
});

test("entries below the level are left out", () => {
  const destination = memory();
  const log = createLogger({ name: "x", level: "warn", destination });
  log.info("no");
  log.warn("yes");
  expect(destination.lines).toHaveLength(1);
});

test("the pretty format reads like text", () => {
  const destination = memory();
  createLogger({ name: "shop.order", format: "pretty", destination }).info("placed");
  expect(destination.lines.join("")).toMatch(/INFO.*placed/);
  expect(() => JSON.parse(destination.lines.join(""))).toThrow();
});
