import { execFileSync } from "node:child_process";
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

test.each(["", "process.exit();"])("a process that ends has written every line (%s)", (end) => {
  const logger = JSON.stringify(new URL("./logger.ts", import.meta.url));
  const program = `import { createLogger } from ${logger};
    const log = createLogger({ name: "x" });
    for (let n = 0; n < 1_000; n++) log.info({ n }, "ünïcode");
    ${end}`;
  const written = execFileSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
  const lines = written.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  expect(JSON.parse(lines.at(-1) ?? "").msg).toBe("ünïcode");
});
