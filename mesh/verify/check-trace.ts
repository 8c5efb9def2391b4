import { createFindDeclared, type DeclaredMove, type FindDeclared, type TraceFault } from "./declared-move.ts";
import { createInstances, type Instances, type Step } from "./instance.ts";
import { createJudge, type Judge } from "./judge.ts";
import type { Model } from "./model.ts";
import type { RecordedMove } from "./recorded-move.ts";
import { unrestOf } from "./rest.ts";

/** What the model says about the recorded moves of one saga instance. */
export type TraceVerdict =
  /** A path of the model, to a legal end. */
  | { readonly outcome: "complete" }
  /** A path of the model that has not come to its end: what is still to happen, or why it must not rest there. */
  | { readonly outcome: "partial"; readonly missing: readonly string[] }
  /** No path of the model. */
  | { readonly outcome: "refused"; readonly fault: TraceFault };

/** Compares the recorded moves of one saga instance, of all its services and in any order, with the model. */
export type CheckTrace = (moves: readonly RecordedMove[]) => TraceVerdict;

/**
 * Prepares the comparison of recorded moves with the model of a proven saga. Throws a RuleError for rules that cannot
 * be read.
 *
 * Services have clocks of their own, so that only the order within each service is known, by version. An order of all
 * moves need not be searched for: whatever can be done next may be done at once. A move of one participant never takes
 * from another what that one needs, because deliveries are counted for each consumer apart, and timers and effects hang
 * on the participant's own moves; so a move that is possible stays possible until it is taken, and the first order that
 * leads on is as good as any. (Undoing after the pivot would be an exception, and a proven saga has none.) Deliveries
 * that were ignored leave no record and take nothing but themselves away.
 *
 * What only data decides is not compared: how many units of a counter there were is the matter of all instances.
 */
export function createCheckTrace(model: Model): CheckTrace {
  const judge = createJudge(model);
  const instances = createInstances(model, {});
  const findDeclared = createFindDeclared(model);
  return (moves) => {
    const walk = walkThrough(moves, { model, judge, instances, findDeclared });
    if (typeof walk !== "number") return { outcome: "refused", fault: walk };
    const phantom = findRenamed(moves) ?? findPhantom(moves, model);
    if (phantom) return { outcome: "refused", fault: phantom };
    const missing = moves.length === 0 ? ["no move is recorded"] : missingAfter(walk, { model, judge, instances });
    return missing.length === 0 ? { outcome: "complete" } : { outcome: "partial", missing };
  };
}

interface Comparing {
  readonly model: Model;
  readonly judge: Judge;
  readonly instances: Instances;
  readonly findDeclared: FindDeclared;
}

/** Where one service's record has come to. */
interface Participant {
  /** Moves that are still to be compared, by version. */
  readonly rest: RecordedMove[];
  state: string;
  version: number;
  /** Ids of the events that it has taken in. */
  readonly taken: Set<string>;
}

/** Takes the recorded moves one by one and returns the state they lead to, or the first that cannot be taken. */
function walkThrough(moves: readonly RecordedMove[], comparing: Comparing): number | TraceFault {
  const foreign = findForeign(moves, comparing.model);
  if (foreign) return foreign;
  const participants = [...Map.groupBy(moves, ({ service }) => service).values()].map(
    (own): Participant => ({
      rest: own.toSorted((a, b) => a.version - b.version),
      state: "NONE",
      version: 0,
      taken: new Set(),
    }),
  );
  let id = comparing.instances.initial;
  for (let left = moves.length; left > 0; left--) {
    const next = takeNext(id, participants, comparing);
    if (typeof next !== "number") return next;
    id = next;
  }
  return id;
}

function findForeign(moves: readonly RecordedMove[], { saga }: Model): TraceFault | undefined {
  const [first] = moves;
  const move = moves.find((each) => each.saga !== saga.name || each.key !== first?.key);
  if (!move) return undefined;
  const problem = `a move of ${move.saga}/${move.key} stands in the trace of ${saga.name}/${first?.key}`;
  return { kind: "foreign move", move, problem };
}

interface Head {
  readonly participant: Participant;
  readonly recorded: RecordedMove;
  readonly declared: DeclaredMove;
}

/** Takes the oldest move that can be taken now, and returns the state that follows. */
function takeNext(id: number, participants: readonly Participant[], comparing: Comparing): number | TraceFault {
  const heads: Head[] = [];
  for (const { participant, recorded } of firstsOf(participants)) {
    const declared = comparing.findDeclared(recorded);
    if ("kind" in declared) return declared;
    const fault = checkOrder(recorded, participant);
    if (fault) return fault;
    heads.push({ participant, recorded, declared });
  }
  for (const { participant, recorded, declared } of heads) {
    const step = findStep(id, declared, comparing.instances);
    if (!step) continue;
    participant.rest.shift();
    participant.state = recorded.to;
    participant.version = recorded.version;
    if (recorded.eventId !== undefined) participant.taken.add(recorded.eventId);
    return step.next;
  }
  return explainStuck(heads, participants, comparing.model);
}

/** The next move of each participant, oldest first: clocks differ, but what is told first is what a reader sees first. */
function firstsOf(participants: readonly Participant[]) {
  const firsts = participants.flatMap((participant) => {
    const [recorded] = participant.rest;
    return recorded ? [{ participant, recorded }] : [];
  });
  return firsts.toSorted((a, b) => a.recorded.at.getTime() - b.recorded.at.getTime());
}

/** Looks at a move as one of its own participant's. */
function checkOrder(move: RecordedMove, { state, version, taken }: Participant): TraceFault | undefined {
  const { service, from, eventId } = move;
  if (move.version !== version + 1) {
    const problem = `${service} recorded the step ${move.version} where the step ${version + 1} is due`;
    return { kind: "version gap", move, problem };
  }
  if (eventId !== undefined && taken.has(eventId)) {
    return { kind: "event taken in twice", move, problem: `${service} took in the event ${eventId} twice` };
  }
  if (from === state) return undefined;
  return { kind: "state gap", move, problem: `${service} was in ${state}, and the move leaves ${from}` };
}

function findStep(id: number, { trigger, move }: DeclaredMove, instances: Instances): Step | undefined {
  return instances.steps(id).steps.find((step) => step.trigger === trigger && step.move === move);
}

/** All participants wait: of those that wait for what nobody announces any more, the oldest is at fault. */
function explainStuck(heads: readonly Head[], participants: readonly Participant[], { triggers }: Model): TraceFault {
  const coming = new Set(participants.flatMap(({ rest }) => rest.flatMap(({ announced }) => announced)));
  const [first] = heads;
  const { recorded, declared } = heads.find((head) => !coming.has(head.recorded.eventType ?? "")) ?? first ?? {};
  if (!recorded || !declared) throw new RangeError("somebody waits, or nothing is left");
  const { service, from, eventType } = recorded;
  if (eventType !== undefined) {
    const problem = `${service} took in ${eventType} in ${from}, and nobody had announced it, or not as often`;
    return { kind: "event not announced", move: recorded, problem };
  }
  const what = triggers[declared.trigger]?.method.name;
  return { kind: "not due", move: recorded, problem: `${what} was not due at ${service} in ${from}` };
}

/**
 * Finds an event that some participant took in although it is one more of its kind than was announced. Deliveries are
 * counted for each consumer apart, so that two who took in one announcement under two ids are seen only here.
 */
function findPhantom(moves: readonly RecordedMove[], { triggers }: Model): TraceFault | undefined {
  const inside = triggers.flatMap(({ internal, event }) => (internal && event ? [event.message.typeName] : []));
  for (const type of new Set(inside)) {
    const announced = moves.flatMap((move) => move.announced).filter((name) => name === type).length;
    const taken = Map.groupBy(
      moves.filter(({ eventType }) => eventType === type),
      ({ eventId }) => eventId,
    );
    const [move] = [...taken.values()][announced] ?? [];
    if (!move) continue;
    const problem = `${type} was taken in under ${taken.size} ids and announced ${announced} times`;
    return { kind: "event not announced", move, problem };
  }
  return undefined;
}

/** Finds an event that was taken in as something else than elsewhere. */
function findRenamed(moves: readonly RecordedMove[]): TraceFault | undefined {
  const types = new Map<string, string | undefined>();
  for (const move of moves) {
    const { eventId, eventType } = move;
    if (eventId === undefined) continue;
    const known = types.get(eventId) ?? eventType;
    const problem = `the event ${eventId} was taken in as ${known} and as ${eventType}`;
    if (known !== eventType) return { kind: "wrong cause", move, problem };
    types.set(eventId, eventType);
  }
  return undefined;
}

/** What is still to happen when all that would be ignored has been; where nothing is, why it is no legal end. */
function missingAfter(id: number, { model, judge, instances }: Omit<Comparing, "findDeclared">): string[] {
  const { steps } = instances.steps(id);
  const quiet = steps.find(({ outcome }) => outcome !== "moved");
  if (quiet) return missingAfter(quiet.next, { model, judge, instances });
  const coming = new Set(steps.filter(({ certain }) => certain).map(({ trigger }) => trigger));
  const state = instances.state(id);
  if (coming.size === 0) return unrestOf(state, { model, judge }).map(({ problem }) => problem);
  return [...coming].map((index) => {
    const { participant = 0, method } = model.triggers[index] ?? {};
    const { alias, states } = model.participants[participant] ?? {};
    return `${alias} is ${states?.[state.states[participant] ?? 0]} and waits for ${method?.name}`;
  });
}
