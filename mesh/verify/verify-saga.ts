import { performance } from "node:perf_hooks";
import type { SagaContract } from "#mesh/contract";
import { checkModel } from "./check-model.ts";
import { checkCoverage } from "./coverage.ts";
import type { System } from "./discover.ts";
import { type Bound, type Exploration, explore, type Limits, type Violation } from "./explore.ts";
import type { Finding, Subject } from "./finding.ts";
import { createJudge, type Judge } from "./judge.ts";
import { buildModel, type Model } from "./model.ts";
import { RuleError } from "./rules.ts";
import { type Locate, tell } from "./story.ts";
import { checkCritical, type Delivery, sweep } from "./sweep.ts";
import { buildTogether } from "./together.ts";

/** How thoroughly to look. */
export interface Thoroughness {
  /** Concurrent instances. */
  readonly sagas: number;
  readonly maxStates: number;
  readonly maxSeconds: number;
  readonly locate: Locate;
  /** Told now and then how far it has come: states found with so many instances, and how many were looked at. */
  readonly progress?: ((sagas: number, states: number, visited: number) => void) | undefined;
}

/** One run of the search. */
export interface Run {
  readonly sagas: number;
  readonly states: number;
  readonly ms: number;
  /** What ended it before every state was seen. Undefined when all were, or when a violation ended it. */
  readonly bound: Bound | undefined;
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
  const declared = checkModel(model);
  if (declared.some(({ check }) => check === "declaration")) return refused(model, declared);
  return judged(model, (judge) => {
    const search = explorations({ model, judge, thoroughness });
    const [alone] = search.found;
    if (alone?.violations.length !== 0 || alone.bound) return verdictOf(search, declared);
    // One instance is enough to lose or to repeat a delivery, and little compared with several.
    const exploring = { model, judge, limits: limitsOf(thoroughness) };
    const { deliveries, exhausted } = sweep(exploring);
    const found = [...checkCoverage(model, alone.instances), ...(exhausted ? checkCritical(model, deliveries) : [])];
    const withoutInbox = repeatedly(exploring);
    return verdictOf(search, [...declared, ...found], { deliveries, withoutInbox, exhausted });
  });
}

/**
 * Proves that instances of old contracts and of new ones can run together, as they do during a rolling deployment:
 * each step is taken by either.
 */
export function verifyTogether(
  saga: SagaContract,
  systems: { readonly now: System; readonly before: System },
  thoroughness: Thoroughness,
): Verdict {
  const model = buildTogether(saga, systems.now.contracts, systems.before.contracts);
  return judged(model, (judge) => verdictOf(explorations({ model, judge, thoroughness }), []));
}

function judged(model: Model, prove: (judge: Judge) => Verdict): Verdict {
  try {
    return prove(createJudge(model));
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const { file } = model.saga;
    return refused(model, [{ check: "declaration", problem: error.message, element: file, mend: "correct the rule" }]);
  }
}

/** The verdict on a declaration that cannot even be explored. */
function refused(model: Model, findings: readonly Finding[]): Verdict {
  const nothing = { runs: [], deliveries: [], withoutInbox: [], alone: undefined };
  return { ...nothing, name: model.saga.name, model, verdict: "violated", findings };
}

interface Searching {
  readonly model: Model;
  readonly judge: Judge;
  readonly thoroughness: Thoroughness;
}

interface Search extends Searching {
  readonly runs: readonly Run[];
  readonly found: readonly Exploration[];
}

/** Explores one instance, then two, and so on, until something is found. */
function explorations(searching: Searching): Search {
  const { model, judge, thoroughness } = searching;
  const limits = limitsOf(thoroughness);
  const runs: Run[] = [];
  const found: Exploration[] = [];
  for (let sagas = 1; sagas <= thoroughness.sagas; sagas++) {
    const begin = performance.now();
    const progress = (states: number, visited: number) => thoroughness.progress?.(sagas, states, visited);
    const run = explore({ model, judge, sagas, world: {}, limits: { ...limits, progress } });
    runs.push({ sagas, states: run.states, ms: performance.now() - begin, bound: run.bound });
    found.push(run);
    if (run.violations.length > 0 || run.bound) break;
  }
  return { ...searching, runs, found };
}

function limitsOf({ maxStates, maxSeconds }: Thoroughness): Limits {
  return { maxStates, deadline: performance.now() + maxSeconds * 1000 };
}

const nothingSwept = { deliveries: [], withoutInbox: [], exhausted: true };

function verdictOf(
  { model, thoroughness, runs, found }: Search,
  others: readonly Finding[],
  {
    exhausted,
    ...swept
  }: Pick<Verdict, "deliveries" | "withoutInbox"> & { readonly exhausted: boolean } = nothingSwept,
): Verdict {
  const violated = found.flatMap((run) =>
    run.violations.map((violation) => findingOf(violation, run, model, thoroughness.locate)),
  );
  const findings = [...others, ...violated];
  const complete = exhausted && runs.every(({ bound }) => !bound);
  const verdict = findings.length > 0 ? "violated" : complete ? "proven" : "not exhausted";
  return { name: model.saga.name, model, verdict, runs, findings, alone: found[0], ...swept };
}

function repeatedly(exploring: { model: Model; judge: Judge; limits: Limits }): string[] {
  return explore({ ...exploring, sagas: 1, world: { repeated: "all" } }).violations.map(({ problem }) => problem);
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
