import { StepClass } from "#gen/heddle/v1/saga_pb.ts";
import type { MoveContract } from "#mesh/contract";
import type { Model, Trigger } from "./model.ts";

/** Deliveries of one event to one consumer that may be under way at once before it counts as endless. */
const mostPending = 3;

/** What an exploration supposes about the world. */
export interface World {
  /** Slot of a trigger whose deliveries are all lost for ever. */
  readonly lost?: number | undefined;
  /** Deliveries that may come again, as if there were no inbox: those of one slot, or all. */
  readonly repeated?: number | "all" | undefined;
}

/** A step of one instance. */
export interface Step {
  /** Index of the trigger. */
  readonly trigger: number;
  readonly outcome: "moved" | "ignored" | "skipped";
  /** Set when it moved. */
  readonly move?: MoveContract | undefined;
  /** Whether the event will come again. */
  readonly again: boolean;
  /** Id of the state that follows. */
  readonly next: number;
  /** What it adds to each counter. */
  readonly change: readonly number[];
  /** Whether it happens by itself, unless something else happens first. Commands need not come. */
  readonly certain: boolean;
}

/** A step that must not happen. */
export interface Misstep {
  readonly trigger: number;
  readonly check: "unspecified reception" | "endless announcements" | "undone after the pivot";
  readonly move?: MoveContract | undefined;
}

/** One state of one instance, with all that may happen in it. */
export interface InstanceState {
  readonly id: number;
  /** Index of each participant's state. */
  readonly states: readonly number[];
  /** For each slot how often it is under way: deliveries, an armed timer, a due effect. */
  readonly pending: readonly number[];
  readonly pivoted: boolean;
}

/** What may happen in a state. */
export interface Steps {
  readonly steps: readonly Step[];
  readonly missteps: readonly Misstep[];
}

/** The states of one instance, found as they are needed. Instances influence each other by counters alone. */
export interface Instances {
  readonly initial: number;
  /** How many states were found so far. */
  readonly size: number;
  state(id: number): InstanceState;
  steps(id: number): Steps;
}

/** Makes the graph of one instance of a saga. */
export function createInstances(model: Model, world: World): Instances {
  const ids = new Map<string, number>();
  const states: InstanceState[] = [];
  const steps: (Steps | undefined)[] = [];
  const intern = (state: Omit<InstanceState, "id">): number => {
    const key = `${state.states.join()};${state.pending.join()};${state.pivoted}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, states.length);
    states.push({ ...state, id: states.length });
    return states.length - 1;
  };
  const state = (id: number): InstanceState => {
    const found = states[id];
    if (!found) throw new RangeError(`there is no state ${id}`);
    return found;
  };
  const initial = intern({
    states: model.participants.map(() => 0),
    pending: model.slots.map(() => 0),
    pivoted: false,
  });
  return {
    initial,
    get size() {
      return states.length;
    },
    state,
    steps(id) {
      const found = steps[id] ?? findSteps({ model, world, intern, from: state(id) });
      steps[id] = found;
      return found;
    },
  };
}

interface Context {
  readonly model: Model;
  readonly world: World;
  readonly intern: (state: Omit<InstanceState, "id">) => number;
  readonly from: InstanceState;
}

function findSteps(context: Context): Steps {
  const steps: Step[] = [];
  const missteps: Misstep[] = [];
  for (const [index, trigger] of context.model.triggers.entries()) {
    if (!mayFire(context, trigger)) continue;
    const found = fire(context, index, trigger);
    steps.push(...found.steps);
    missteps.push(...found.missteps);
  }
  return { steps, missteps };
}

function stateName({ model, from }: Context, participant: number): string {
  return model.participants[participant]?.states[from.states[participant] ?? 0] ?? "NONE";
}

function mayFire(context: Context, trigger: Trigger): boolean {
  const pending = (context.from.pending[trigger.slot] ?? 0) > 0;
  if (trigger.kind === "timer" || trigger.kind === "effect" || trigger.internal) return pending;
  const state = stateName(context, trigger.participant);
  const moves = trigger.moves.some(({ from }) => from === state);
  // A command is refused, and a fan-out leaves out, where no move is declared. Another's event may come anywhere.
  return moves || (trigger.kind === "event" && !trigger.fanOut);
}

function fire(context: Context, index: number, trigger: Trigger): Steps {
  const state = stateName(context, trigger.participant);
  const moves = trigger.moves.filter(({ from }) => from === state);
  const skipped = trigger.kind === "effect" && state !== trigger.dueIn ? [quiet(context, index, "skipped")] : [];
  if (moves.length === 0) {
    if (trigger.parkedIn.includes(state)) return { steps: [], missteps: [] };
    if (trigger.fanOut || trigger.ignoredIn.includes(state)) {
      return { steps: [...quietly(context, index, trigger), ...skipped], missteps: [] };
    }
    return { steps: skipped, missteps: [{ trigger: index, check: "unspecified reception" }] };
  }
  const taken = moves.flatMap((move) =>
    repeats(context, trigger).map((again) => take(context, { index, move, again })),
  );
  return {
    steps: [...taken.flatMap(({ step }) => step ?? []), ...skipped],
    missteps: taken.flatMap(({ misstep }) => misstep ?? []),
  };
}

/** Whether a delivery comes once, or may come again. */
function repeats({ world: { repeated } }: Context, { internal, slot }: Trigger): boolean[] {
  return internal && (repeated === "all" || repeated === slot) ? [false, true] : [false];
}

function quietly(context: Context, index: number, trigger: Trigger): Step[] {
  return trigger.internal || trigger.kind === "effect" ? [quiet(context, index, "ignored")] : [];
}

/** A step that only ends what was under way. */
function quiet({ model, intern, from }: Context, index: number, outcome: "ignored" | "skipped"): Step {
  const slot = model.triggers[index]?.slot;
  const next = intern({ ...from, pending: from.pending.map((count, at) => count - Number(at === slot)) });
  return { trigger: index, outcome, again: false, next, change: model.saga.counters.map(() => 0), certain: true };
}

interface Taking {
  readonly index: number;
  readonly move: MoveContract;
  readonly again: boolean;
}

function take(context: Context, { index, move, again }: Taking): { step?: Step; misstep?: Misstep } {
  const { model, intern, from } = context;
  const trigger = model.triggers[index];
  const participant = trigger?.participant ?? 0;
  if (from.pivoted && isBeforePivot(move)) {
    return { misstep: { trigger: index, check: "undone after the pivot", move } };
  }
  const pending = pendingAfter(context, { index, move, again });
  if (pending.some((count) => count > mostPending)) {
    return { misstep: { trigger: index, check: "endless announcements", move } };
  }
  const states = from.states.map((state, at) =>
    at === participant ? (model.participants[at]?.states.indexOf(move.to) ?? 0) : state,
  );
  const next = intern({ states, pending, pivoted: from.pivoted || move.stepClass === StepClass.PIVOT });
  const change = model.saga.counters.map(
    ({ name }) =>
      move.gives.filter((given) => given === name).length - move.takes.filter((taken) => taken === name).length,
  );
  const certain = trigger !== undefined && (trigger.internal || trigger.dueIn !== undefined);
  return { step: { trigger: index, outcome: "moved", move, again, next, change, certain } };
}

function isBeforePivot({ stepClass }: MoveContract): boolean {
  return stepClass === StepClass.COMPENSATABLE || stepClass === StepClass.COMPENSATION;
}

/** What is under way after a move: its cause is used up, its event is on its way, timers and effects follow states. */
function pendingAfter({ model, world, from }: Context, { index, move, again }: Taking): number[] {
  const cause = model.triggers[index];
  return from.pending.map((count, slot) => {
    const triggers = model.slots[slot] ?? [];
    const consumed = slot === cause?.slot && count > 0 && !again ? count - 1 : count;
    if (slot !== world.lost && triggers.some((trigger) => takesIn(trigger, move))) return consumed + 1;
    const own = triggers.filter(({ participant }) => participant === cause?.participant);
    if (own.length === 0 || move.from === move.to) return consumed;
    // Whoever takes the step knows only the timers and effects of its own version.
    if (own.some(({ dueIn, version }) => dueIn === move.to && version === cause?.version)) return 1;
    return own.some(({ kind, dueIn }) => kind === "timer" && dueIn === move.from) ? 0 : consumed;
  });
}

function takesIn({ internal, event }: Trigger, { emits }: MoveContract): boolean {
  return internal && emits !== undefined && event?.message.typeName === emits.message.typeName;
}
