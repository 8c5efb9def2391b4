import { performance } from "node:perf_hooks";
import type { SagaContract } from "#mesh/contract";
import { checkModel } from "./check-model.ts";
import { checkCoverage } from "./coverage.ts";
import type { System } from "./discover.ts";
import { type Exploration, explore, type Limits, type Violation } from "./explore.ts";
import type { Finding, Subject } from "./finding.ts";
import { createJudge, type Judge, RuleError } from "./judge.ts";
import { buildModel, type Model } from "./model.ts";
import { type Locate, tell } from "./story.ts";
import { checkCritical, type Delivery, sweep } from "./sweep.ts";

/** How thoroughly to look. */
export interface Thoroughness {
  /** Concurrent instances. */
  readonly sagas: number;
  readonly maxStates: number;
  readonly maxSeconds: number;
  readonly locate: Locate;
  /** Told now and then how far it has come. */
  readonly progress?: ((sagas: number, states: number) => void) | undefined;
}

/** One run of the search. */
export interface Run {
  readonly sagas: number;
  readonly states: number;
  readonly ms: number;
  readonly exhausted: boolean;
}

/** What is known of a saga after looking at it. */
export interface Verdict {
  readonly name: string;
  readonly model: Model;
  readonly verdict: "proven" | "violated" | "not exhausted";
  readonly runs: readonly Run[];
  readonly findings: readonly Finding[];
  readonly deliveries: readonly Delivery[];
  /** What would go wrong if each event could be taken in twice: why there is an inbox. For information. */
  readonly withoutInbox: readonly string[];
  /** The states of one instance, for pages. Undefined when the search never began. */
  readonly alone: Exploration | undefined;
}

/** Proves a saga, or finds the shortest ways in which it goes wrong. */
export function verifySaga(saga: SagaContract, { contracts }: System, thoroughness: Thoroughness): Verdict {
  const model = buildModel(saga, contracts);
  const nothing = { name: saga.name, model, runs: [], deliveries: [], withoutInbox: [], alone: undefined };
  const declared = checkModel(model);
  try {
    const judge = createJudge(model);
    if (declared.some(({ check }) => check === "declaration")) {
      return { ...nothing, verdict: "violated", findings: declared };
    }
    return look({ model, judge, thoroughness, declared });
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const finding: Finding = {
      check: "declaration",
      problem: error.message,
      element: saga.file,
      mend: "correct the rule",
    };
    return { ...nothing, verdict: "violated", findings: [...declared, finding] };
  }
}

interface Looking {
  readonly model: Model;
  readonly judge: Judge;
  readonly thoroughness: Thoroughness;
  readonly declared: readonly Finding[];
}

function look({ model, judge, thoroughness, declared }: Looking): Verdict {
  const { sagas, maxStates, maxSeconds, locate } = thoroughness;
  const deadline = performance.now() + maxSeconds * 1000;
  const runs: Run[] = [];
  const findings = [...declared];
  let alone: Exploration | undefined;
  for (let count = 1; count <= sagas; count++) {
    const begin = performance.now();
    const progress = (states: number) => thoroughness.progress?.(count, states);
    const found = explore({ model, judge, sagas: count, world: {}, limits: { maxStates, deadline, progress } });
    runs.push({ sagas: count, states: found.states, ms: performance.now() - begin, exhausted: found.exhausted });
    alone ??= found;
    findings.push(...found.violations.map((violation) => findingOf(violation, found, model, locate)));
    if (found.violations.length > 0 || !found.exhausted) break;
  }
  const limits: Limits = { maxStates, deadline };
  const sound = alone?.violations.length === 0 && alone.exhausted;
  const deliveries = sound ? sweep({ model, judge, limits }) : [];
  if (alone && sound) findings.push(...checkCoverage(model, alone.instances), ...checkCritical(model, deliveries));
  const withoutInbox = sound ? repeatedly({ model, judge, limits }) : [];
  const complete = runs.every(({ exhausted }) => exhausted);
  const verdict = findings.length > 0 ? "violated" : complete ? "proven" : "not exhausted";
  return { name: model.saga.name, model, verdict, runs, findings, deliveries, withoutInbox, alone };
}

function repeatedly(exploring: { model: Model; judge: Judge; limits: Limits }): string[] {
  return explore({ ...exploring, sagas: 1, world: { duplicates: true } }).violations.map(({ problem }) => problem);
}

function findingOf(violation: Violation, { instances }: Exploration, model: Model, locate: Locate): Finding {
  const { check, problem, trigger, path } = violation;
  const element: Subject = (trigger === undefined ? undefined : model.triggers[trigger]?.method) ?? model.saga.file;
  return { check, problem, element, mend: mends[check] ?? "", story: tell(path, { model, instances, locate }) };
}

const mends: Partial<Record<Finding["check"], string>> = {
  "unspecified reception": "declare a move, ignored_in or parked_in for that state",
  "illegal resting state": "declare the move that is missing, or correct the legal ends",
  "violated rule": "take the step back that breaks it, or correct the rule",
  "endless announcements": "let the move lead on",
  "undone after the pivot": "drop the move, or correct its class",
};
