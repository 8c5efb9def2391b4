import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

/** Runs a program whose part does what `body` says, in a process of its own. */
function program(body: string, options = "{}"): { child: ChildProcess; output: () => string } {
  const source = `
    import { pino } from "pino";
    import { run, StartError } from "#mesh/process";
    const log = pino({ base: undefined, timestamp: false }, pino.destination({ sync: true }));
    const say = (text) => process.stdout.write(text + "\\n");
    const keepAlive = setInterval(() => {}, 1000);
    void StartError;
    await run(() => ({ name: "part", log, ${body} }), ${options});
    say("end");
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", source], { stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += data));
  return { child, output: () => output };
}

const stopCleanly = "async start() { say('up') }, async stop() { clearInterval(keepAlive); say('down') }";

test.each(["SIGTERM", "SIGINT"] as const)("%s stops the part and ends with code 0", async (signal) => {
  const { child, output } = program(stopCleanly);
  await expect.poll(output).toContain('"msg":"started"');
  child.kill(signal);
  const [code] = await once(child, "close");
  expect(output()).toMatch(/up.*started.*stopping.*down.*end/s);
  expect(code).toBe(0);
});

test("an expected fault of starting is one line without a stack, code 1", async () => {
  const { child, output } = program(
    "async start() { throw new StartError('Port 1 is taken.') }, async stop() { clearInterval(keepAlive) }",
  );
  const [code] = await once(child, "close");
  expect(output()).toBe("Port 1 is taken.\nend\n");
  expect(code).toBe(1);
});

test("so is one of putting the part together", async () => {
  const { child, output } = program(
    "...(() => { clearInterval(keepAlive); throw new StartError('No such variable.'); })()",
  );
  const [code] = await once(child, "close");
  expect(output()).toBe("No such variable.\nend\n");
  expect(code).toBe(1);
});

test("an uncaught error stops the part, code 1", async () => {
  const { child, output } = program(
    "async start() { setTimeout(() => { throw new Error('boom') }) }, async stop() { clearInterval(keepAlive); say('down') }",
  );
  const [code] = await once(child, "close");
  expect(output()).toMatch(/boom.*down.*end/s);
  expect(code).toBe(1);
});

test("a part that never stops is left behind, code 1", async () => {
  const { child, output } = program("async start() {}, stop: () => new Promise(() => {})", "{ stopTimeoutMs: 50 }");
  await expect.poll(output).toContain('"msg":"started"');
  child.kill("SIGTERM");
  const [code] = await once(child, "close");
  expect(output()).toContain("did not stop in time");
  expect(code).toBe(1);
});
