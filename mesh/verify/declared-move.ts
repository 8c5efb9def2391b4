import type { Contract, MoveContract } from "#mesh/contract";
import type { Model, Trigger } from "./model.ts";
import type { RecordedMove } from "./recorded-move.ts";

/** What is wrong with a recorded move. */
export type TraceFaultKind =
  | "foreign move"
  | "undeclared move"
  | "undeclared event"
  | "event missing"
  | "wrong cause"
  | "version gap"
  | "state gap"
  | "event taken in twice"
  | "event not announced"
  | "not due";

/** The first recorded move that no run of the model contains, and why. */
export interface TraceFault {
  readonly kind: TraceFaultKind;
  readonly move: RecordedMove;
  /** What is wrong, in a sentence. */
  readonly problem: string;
}

/** A recorded move as the contract declares it. */
export interface DeclaredMove {
  /** Index of the trigger. */
  readonly trigger: number;
  readonly move: MoveContract;
}

/** Finds what the contract says about a recorded move, by itself: rpc, states, cause and announcements. */
export type FindDeclared = (recorded: RecordedMove) => DeclaredMove | TraceFault;

/** Prepares the search for declared moves. */
export function createFindDeclared(model: Model): FindDeclared {
  const triggers = new Map(
    model.triggers.map((trigger, index) => [`${serviceOf(model, trigger)} ${nameOf(trigger)}`, { trigger, index }]),
  );
  return (recorded) => {
    const { service, rpc } = recorded;
    const found = triggers.get(`${service} ${rpc}`);
    if (!found) {
      const problem = `${service} declares no rpc ${rpc} that moves the saga ${model.saga.name}`;
      return { kind: "undeclared move", move: recorded, problem };
    }
    const { trigger, index } = found;
    const cause = checkCause(recorded, trigger);
    if (cause) return cause;
    const contract = model.participants[trigger.participant]?.contract;
    const move = chooseMove(recorded, { trigger, besides: announcedBesides(trigger, contract) });
    return "kind" in move ? move : { trigger: index, move };
  };
}

function serviceOf({ participants }: Model, { participant }: Trigger): string {
  return participants[participant]?.contract.name ?? "";
}

function nameOf({ method }: Trigger): string {
  return `${method.parent.typeName}.${method.name}`;
}

function checkCause(move: RecordedMove, { event, method }: Trigger): TraceFault | undefined {
  const { eventType, eventId } = move;
  const declared = event?.message.typeName;
  if (eventType === declared && (eventId === undefined) === (declared === undefined)) return undefined;
  const taken = eventType ?? (eventId === undefined ? "no event" : "an event without a type");
  const without = eventType !== undefined && eventId === undefined ? " without an id" : "";
  const problem = `${method.name} took in ${taken}${without}, and its contract names ${declared ?? "none"}`;
  return { kind: "wrong cause", move, problem };
}

/** Events that a step may announce besides its own. Those of a fan-out belong to no single instance. */
function announcedBesides({ method, fanOut }: Trigger, contract: Contract | undefined): ReadonlySet<string> {
  const { events = [], timers = [], effects = [] } = contract?.reactions ?? {};
  const reaction = fanOut ? undefined : [...events, ...timers, ...effects].find((each) => each.method === method);
  const listed = reaction?.results.flatMap(({ step, event }) => (step ? [] : [event])) ?? [];
  return new Set([...listed, ...(contract?.methods.get(method)?.emits ?? [])].map(({ message }) => message.typeName));
}

interface Choosing {
  readonly trigger: Trigger;
  readonly besides: ReadonlySet<string>;
}

/** State and announcement together name one move of a method. */
function chooseMove(recorded: RecordedMove, { trigger, besides }: Choosing): MoveContract | TraceFault {
  const { from, to, announced } = recorded;
  const moves = trigger.moves.filter((move) => move.from === from && move.to === to);
  const said = moves.find(({ emits }) => emits && announced.includes(emits.message.typeName));
  const move = said ?? moves.find(({ emits }) => !emits);
  if (moves.length === 0) {
    const problem = `${trigger.method.name} declares no move from ${from} to ${to}`;
    return { kind: "undeclared move", move: recorded, problem };
  }
  if (!move) {
    const names = moves.map(({ emits }) => emits?.message.typeName).join(" or ");
    const problem = `${trigger.method.name} declares ${names} for the move from ${from} to ${to}, and it was not announced`;
    return { kind: "event missing", move: recorded, problem };
  }
  const own = announced.indexOf(move.emits?.message.typeName ?? "");
  const undeclared = announced.find((name, index) => index !== own && !besides.has(name));
  if (undeclared === undefined) return move;
  const problem = `${trigger.method.name} announced ${undeclared}, which its move from ${from} to ${to} does not declare`;
  return { kind: "undeclared event", move: recorded, problem };
}
