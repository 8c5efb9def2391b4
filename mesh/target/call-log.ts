import { type AttemptExplanation, type CallExplanation, endpointVerdict } from "#mesh/resilience";
import type { Logger } from "#mesh/telemetry";
import { isNotable } from "./remembered-calls.ts";

/** Lines that a target may cause at once, of each level; then one a second. */
const BURST = 10;

/**
 * Creates what writes the calls of a process into its log, one line each: at warn those that failed after trouble, at
 * info those that were answered in spite of it, at debug those that were only slow or refused for what they asked. In an
 * outage most lines of a target go to debug, too: the next that does not says in "omitted" how many did.
 *
 * @param now Milliseconds of any steady clock.
 */
export function createCallLog(
  log: Logger,
  now: () => number = () => performance.now(),
): (call: CallExplanation, requestId: string) => void {
  const allowances = new Map<string, Allowance>();

  function allowanceOf(level: string, { target }: CallExplanation): Allowance {
    const key = `${level} ${target}`;
    const allowance = allowances.get(key) ?? createAllowance();
    allowances.set(key, allowance);
    return allowance;
  }

  return (call, requestId) => {
    if (!isNotable(call)) return;
    const level = levelOf(call);
    const omitted = level === "debug" ? undefined : allowanceOf(level, call)(now());
    if (omitted === undefined) log.debug({ requestId, call }, MESSAGES.debug);
    else log[level]({ requestId, call, ...(omitted > 0 && { omitted }) }, MESSAGES[level]);
  };
}

const MESSAGES = {
  debug: "a call was slow, repeated or has failed",
  info: "a call had trouble",
  warn: "a call has failed",
};

function levelOf(call: CallExplanation): keyof typeof MESSAGES {
  const { code, by } = call.outcome;
  if (!hadTrouble(call)) return "debug";
  return code === 0 || by === "caller" ? "info" : "warn";
}

/** Whether it was more than slow, and no answer of a healthy server about a request. */
function hadTrouble({ outcome, attempts }: CallExplanation): boolean {
  const byOthers = outcome.by !== "endpoint" && outcome.by !== "caller";
  return byOthers || attempts.length > 1 || attempts.some(speaksAgainstEndpoint);
}

function speaksAgainstEndpoint({ code, pushbackMs }: AttemptExplanation): boolean {
  return endpointVerdict({ code, pushbackMs, givenMs: Number.POSITIVE_INFINITY, usualMs: undefined }) === "failure";
}

/** Returns how many it has refused since it last allowed; undefined when it refuses. */
type Allowance = (now: number) => number | undefined;

function createAllowance(): Allowance {
  let left = BURST;
  let countedAt = 0;
  let refused = 0;
  return (now) => {
    left = Math.min(BURST, left + (now - countedAt) / 1000);
    countedAt = now;
    if (left < 1) {
      refused++;
      return undefined;
    }
    left--;
    const before = refused;
    refused = 0;
    return before;
  };
}
