import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { silentLogger } from "#mesh/testing";
import { armFaults, behindFault, faultPoint, InjectedFault, readFaultPlan } from "./index.ts";

const arm = (plan: string) => armFaults(readFaultPlan(plan), silentLogger());

test("a fault point does nothing while no faults are armed", () => {
  expect(faultPoint("relay.read")).toBeUndefined();
  let done = false;
  behindFault("outbox.committed", () => {
    done = true;
  });
  expect(done).toBe(true);
});

test("a fault happens at its passing and at no other, and at its point alone", async () => {
  using _ = arm("relay.read=throw@2");
  expect(faultPoint("relay.read")).toBeUndefined();
  expect(faultPoint("relay.marked")).toBeUndefined();
  await expect(faultPoint("relay.read")).rejects.toThrow(InjectedFault);
  expect(faultPoint("relay.read")).toBeUndefined();
});

test("what is left to chance is the same for the same seed", () => {
  const decisions = (seed: number) => {
    using _ = arm(`relay.acknowledged=repeat%0.3;seed=${seed}`);
    return Array.from({ length: 1_000 }, () => faultPoint("relay.acknowledged") !== undefined);
  };
  const first = decisions(7);
  expect(decisions(7)).toEqual(first);
  expect(decisions(8)).not.toEqual(first);
  const share = first.filter(Boolean).length / first.length;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.4);
});

test("requests are handed to the code around the point", async () => {
  using _ = arm("relay.acknowledged=repeat;inbox.handling=poison");
  expect(await faultPoint("relay.acknowledged")).toBe("repeat");
  expect(await faultPoint("inbox.handling")).toBe("poison");
});

test("paused faults wait for SIGUSR2", async () => {
  using _ = arm("relay.acknowledged=repeat@1;paused");
  expect(faultPoint("relay.acknowledged")).toBeUndefined();
  process.kill(process.pid, "SIGUSR2");
  await expect.poll(() => faultPoint("relay.acknowledged") !== undefined).toBe(true);
});

test("work behind a fault that throws is not done", async () => {
  using _ = arm("outbox.committed=throw@1");
  const done: number[] = [];
  behindFault("outbox.committed", () => done.push(1));
  behindFault("outbox.committed", () => done.push(2));
  await Promise.resolve();
  expect(done).toEqual([2]);
});

test("a crash ends the process before anything else runs", () => {
  const program = `
    import { armFaults, faultPoint, readFaultPlan } from "#mesh/fault";
    import { createLogger } from "#mesh/telemetry";
    armFaults(readFaultPlan("relay.marked=crash@2"), createLogger({ name: "test" }));
    for (let passing = 1; passing <= 3; passing++) {
      void faultPoint("relay.marked");
      console.log("passed", passing);
    }`;
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", program],
    {
      encoding: "utf8",
    },
  );
  expect(signal).toBe("SIGKILL");
  expect(stderr).toBe("fault: crash at relay.marked, passing 2\n");
  expect(stdout.match(/passed \d/g)).toEqual(["passed 1"]);
});

test.each([
  ["relay.gone=crash", /names none of the fault points .*relay\.read/],
  ["relay.read=burn", /action is none of crash/],
  ["relay.read=delay", /write a delay as delay:500ms/],
  ["relay.read=repeat", /repeat is for relay\.acknowledged only/],
  ["relay.read=throw%7", /probability is not 0 to 1/],
  ["seed=x", /seed that is no whole number/],
])("the plan %s is refused", (plan, message) => {
  expect(() => readFaultPlan(plan)).toThrow(message);
});
