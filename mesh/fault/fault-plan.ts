import { type FaultPoint, faultPoints, isFaultPoint } from "./fault-points.ts";

/**
 * What happens at a fault point. crash: the process kills itself, as kill -9 would. throw: an error. delay: a pause.
 * hang: a pause without an end. repeat: the event is published once more, under another message id. poison: the event
 * cannot be taken in, whenever it is tried.
 */
export type FaultAction = "crash" | "throw" | "delay" | "hang" | "repeat" | "poison";

/** What happens at a point, and when. */
export interface FaultRule {
  readonly point: FaultPoint;
  readonly action: FaultAction;
  /** Length of a delay, in milliseconds. */
  readonly delayMs: number;
  /** The one passing at which it happens, from 1. */
  readonly passing: number | undefined;
  /** How probable it is at each passing, from 0 to 1. 1 where neither is given. */
  readonly probability: number;
}

/** When and how a process fails on purpose. */
export interface FaultPlan {
  readonly rules: readonly FaultRule[];
  /** What is decided by chance is decided by this number. */
  readonly seed: number;
  /** Whether nothing happens, and no passing counts, before the process receives SIGUSR2. */
  readonly paused: boolean;
}

/** The places at which an action that the surrounding code must take part in means something. */
const only: Partial<Record<FaultAction, FaultPoint>> = { repeat: "relay.acknowledged", poison: "inbox.handling" };

const ruleText = /^(?<point>[a-z.-]+)=(?<action>[a-z]+)(:(?<ms>\d{1,7})ms)?(@(?<passing>\d{1,9})|%(?<chance>[\d.]+))?$/;
const actions: readonly string[] = ["crash", "throw", "delay", "hang", "repeat", "poison"] satisfies FaultAction[];

/**
 * Reads a plan such as "relay.published=crash@3;effect.answered=delay:500ms%0.1;seed=7": rules with ";" between. A rule
 * is a point, "=" and an action, then "@n" for the n-th passing alone, or "%p" for a probability, else at every passing.
 * "seed=n" decides all chance (default 1), "paused" waits for SIGUSR2. Throws a RangeError that says what is wrong.
 */
export function readFaultPlan(text: string): FaultPlan {
  const entries = text.split(";").map((entry) => entry.trim());
  const seeds = entries.filter((entry) => entry.startsWith("seed="));
  const rules = entries.filter((entry) => entry !== "" && entry !== "paused" && !seeds.includes(entry));
  const seed = Number(seeds.at(-1)?.slice("seed=".length) ?? 1);
  if (!Number.isSafeInteger(seed)) throw new RangeError("has a seed that is no whole number");
  return { rules: rules.map(readRule), seed, paused: entries.includes("paused") };
}

function readRule(text: string): FaultRule {
  const { point = "", action = "", ms, passing, chance } = ruleText.exec(text)?.groups ?? {};
  if (!isFaultPoint(point)) {
    throw new RangeError(`has "${text}", which names none of the fault points ${Object.keys(faultPoints).join(", ")}`);
  }
  if (!isAction(action)) throw new RangeError(`has "${text}", whose action is none of ${actions.join(", ")}`);
  if ((action === "delay") !== (ms !== undefined)) throw new RangeError(`has "${text}": write a delay as delay:500ms`);
  if ((only[action] ?? point) !== point)
    throw new RangeError(`has "${text}", but ${action} is for ${only[action]} only`);
  const probability = Number(chance ?? 1);
  if (!(probability >= 0 && probability <= 1)) throw new RangeError(`has "${text}", whose probability is not 0 to 1`);
  return { point, action, delayMs: Number(ms ?? 0), passing: passing ? Number(passing) : undefined, probability };
}

function isAction(text: string): text is FaultAction {
  return actions.includes(text);
}
