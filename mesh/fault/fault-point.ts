import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Logger } from "#mesh/telemetry";
import { chance } from "./chance.ts";
import type { FaultPlan, FaultRule } from "./fault-plan.ts";
import type { FaultPoint } from "./fault-points.ts";

/** An error that was thrown on purpose. */
export class InjectedFault extends Error {
  override readonly name = "InjectedFault";
}

/** What the code around a fault point is to do itself. */
export type Request = "repeat" | "poison" | undefined;

interface Armed {
  readonly plan: FaultPlan;
  readonly log: Logger;
  readonly passings: Map<FaultPoint, number>;
  paused: boolean;
}

let armed: Armed | undefined;

/**
 * Marks a place at which the process can be made to fail. Does nothing, at the cost of one comparison, unless faults
 * are armed. Await what it returns: it may be slow, or reject with an InjectedFault.
 */
export function faultPoint(name: FaultPoint): Promise<Request> | undefined {
  return armed === undefined ? undefined : pass(armed, name);
}

/** Does `work` behind a fault point in a place that cannot wait: later or never, where the fault says so. */
export function behindFault(name: FaultPoint, work: () => void): void {
  const passed = faultPoint(name);
  if (passed === undefined) work();
  // The fault was thrown where nobody can catch it: what it prevents is the work.
  else passed.then(work, () => undefined);
}

/**
 * Lets this process fail as planned, until the result is disposed of, and says so loudly. A process has one plan:
 * a second call with the same one changes nothing. A different one throws an Error.
 */
export function armFaults(plan: FaultPlan, log: Logger): Disposable {
  if (armed !== undefined) {
    if (JSON.stringify(armed.plan) !== JSON.stringify(plan)) throw new Error("other faults are armed already");
    return { [Symbol.dispose]() {} };
  }
  const current: Armed = { plan, log, passings: new Map(), paused: plan.paused };
  const resume = () => {
    current.paused = false;
    log.warn("fault points count from now on");
  };
  armed = current;
  if (plan.paused) process.once("SIGUSR2", resume);
  log.warn({ plan }, "FAULTS ARE ARMED: this process will fail on purpose");
  return {
    [Symbol.dispose]() {
      process.off("SIGUSR2", resume);
      armed = undefined;
    },
  };
}

function pass(state: Armed, point: FaultPoint): Promise<Request> | undefined {
  const { plan, passings, paused } = state;
  if (paused) return undefined;
  const passing = (passings.get(point) ?? 0) + 1;
  passings.set(point, passing);
  const rule = plan.rules.find((candidate) => candidate.point === point && happens(plan, candidate, passing));
  return rule && act(state, rule, passing);
}

function happens({ seed }: FaultPlan, { point, action, passing, probability }: FaultRule, count: number): boolean {
  if (passing !== undefined) return passing === count;
  return probability === 1 || chance(seed, `${point}=${action}`, count) < probability;
}

function act({ log }: Armed, { point, action, delayMs }: FaultRule, passing: number): Promise<Request> {
  log.warn({ point, action, passing }, "fault");
  switch (action) {
    case "crash":
      // The log is buffered and would be lost.
      writeSync(2, `fault: crash at ${point}, passing ${passing}\n`);
      // Nothing runs after this line: the process ends before the call returns.
      process.kill(process.pid, "SIGKILL");
      return forever();
    case "throw":
      return Promise.reject(new InjectedFault(`thrown on purpose at ${point}`));
    case "delay":
      return setTimeout(delayMs, undefined);
    case "hang":
      return forever();
    default:
      return Promise.resolve(action);
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
