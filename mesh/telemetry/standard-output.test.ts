import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const logger = JSON.stringify(new URL("./logger.ts", import.meta.url));

/** A program that logs so many numbered lines at once. */
function logging(lines: number, end = ""): string {
  return `import { createLogger } from ${logger};
    const log = createLogger({ name: "x" });
    for (let n = 0; n < ${lines}; n++) log.info({ n, pid: process.pid }, "ünïcode");
    ${end}`;
}

function start(program: string): ChildProcess {
  return spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "pipe"] });
}

async function linesOf({ stdout }: ChildProcess): Promise<Record<string, unknown>[]> {
  if (!stdout) throw new Error("a process without stdout");
  return (await text(stdout))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

test.each(["", "process.exit();"])("a process that ends has written every line, in order (%s)", async (end) => {
  const lines = await linesOf(start(logging(20_000, end)));
  expect(lines.map(({ n }) => n)).toEqual(numbers(20_000));
  expect(lines.at(-1)?.msg).toBe("ünïcode");
});

test("nobody waits for a reader who does not read, and who reads later misses nothing", async () => {
  // More than any pipe holds.
  const child = start(logging(50_000, 'setTimeout(() => console.error("not held up"), 100);'));
  if (child.stderr) await once(child.stderr, "data");
  expect((await linesOf(child)).map(({ n }) => n)).toEqual(numbers(50_000));
});

test("few lines at a time take no more room than many at once", async () => {
  const begin = `const { mock } = await import("node:test");
    mock.timers.enable({ apis: ["setTimeout"] });`;
  const slowly = `for (let n = 50_000; n < 55_000; n++) {
      log.info({ n }, "a while later");
      mock.timers.tick(1_000);
    }
    console.error("all is logged");`;
  // The lines before fill the pipe, and wait.
  const child = start(`${begin} ${logging(50_000, slowly)}`);
  if (child.stderr) await once(child.stderr, "data");
  expect((await linesOf(child)).map(({ n }) => n)).toEqual(numbers(55_000));
});

test("what is too much for memory is dropped and counted", async () => {
  const child = start(logging(300_000, 'setTimeout(() => console.error("all is logged"), 100);'));
  if (child.stderr) await once(child.stderr, "data");
  const lines = await linesOf(child);
  const last = lines.pop();
  expect(last).toMatchObject({ level: "warn", dropped: 300_000 - lines.length });
  expect(last?.dropped).toBeGreaterThan(0);
  expect(lines.map(({ n }) => n)).toEqual(numbers(lines.length));
});

test("processes that share a pipe do not mix their lines", async () => {
  const twice = '"$0" --input-type=module --eval "$1" & "$0" --input-type=module --eval "$1"; wait';
  const program = logging(20_000, 'console.error("all is logged");');
  const child = spawn("sh", ["-c", twice, process.execPath, program], { stdio: ["ignore", "pipe", "pipe"] });
  // The pipe is full by then, and each of them has more to say.
  if (child.stderr) await once(child.stderr, "data");
  const lines = await linesOf(child);
  const each = Map.groupBy(lines, ({ pid }) => pid);
  expect([...each.values()].map((own) => own.map(({ n }) => n))).toEqual([numbers(20_000), numbers(20_000)]);
});

test("a reader who has gone does not stop the process", async () => {
  const child = start(logging(50_000, "setTimeout(() => process.exit(7), 100);"));
  child.stdout?.destroy();
  expect((await once(child, "exit"))[0]).toBe(7);
});
