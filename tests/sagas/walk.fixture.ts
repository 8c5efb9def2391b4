import type { Contract, MoveContract } from "#mesh/contract";
import type { RecordedMove } from "#mesh/verify";
import { prove } from "./mutant.fixture.ts";

/** What has happened to one order so far, and what is under way. Written without the proof's model, to compare with it. */
export interface Walk {
  readonly moves: readonly RecordedMove[];
  readonly states: Readonly<Record<string, string>>;
  readonly deliveries: readonly Delivery[];
  /** Timers that are armed and calls that are due, as service and name of the rpc. */
  readonly armed: readonly string[];
  readonly due: readonly string[];
}

interface Delivery {
  readonly consumer: string;
  readonly eventType: string;
  readonly eventId: string;
}

/** One thing that may happen next. */
export interface Choice {
  readonly walk: Walk;
  /** Whether it happens by itself, sooner or later. */
  readonly certain: boolean;
}

const { system } = prove(() => undefined, { sagas: 1 });

/** The shop's contracts and its saga. */
export const { contracts } = system;
const participants = contracts.filter(({ participant }) => participant);
const announcedInside = new Set(participants.flatMap((contract) => movesOf(contract).map(announcedBy)).flat());

/** Where every order begins. */
export const beginning: Walk = { moves: [], states: {}, deliveries: [], armed: [], due: [] };

/** Everything that may happen next. */
export function choices(walk: Walk): Choice[] {
  return participants.flatMap((contract) => [
    ...commands(walk, contract),
    ...arrivals(walk, contract),
    ...timers(walk, contract),
    ...effects(walk, contract),
  ]);
}

/** Whether no step is to come any more by itself. What would be ignored leaves no record. */
export function isOver(walk: Walk): boolean {
  return !choices(walk).some(({ certain, walk: next }) => certain && next.moves.length > walk.moves.length);
}

/**
 * Tells traces apart, whatever the order of their services, their ids and their times. Events that a contract lets a
 * step announce at will are left out.
 */
export function signature(moves: readonly RecordedMove[]): string {
  const sorted = moves.toSorted((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : versions(a, b)));
  const ids: string[] = [];
  const events = new Map(sorted.map(({ eventId, eventType }) => [eventId, eventType]));
  if (sorted.some(({ eventId, eventType }) => events.get(eventId) !== eventType)) return "one id for two events";
  return sorted
    .map((move) => {
      const { service, version, from, to, rpc, eventId, eventType } = move;
      if (eventId !== undefined && !ids.includes(`${eventType} ${eventId}`)) ids.push(`${eventType} ${eventId}`);
      const number = ids.filter((id) => id.startsWith(`${eventType} `)).indexOf(`${eventType} ${eventId}`);
      const announced = move.announced.filter((name) => !(atWill.has(rpc) && name === atWillEvent)).toSorted();
      return [service, version, from, to, rpc, eventType, number, announced].join();
    })
    .join("\n");
}

/** An event that some steps may announce besides their own, as often as they like. */
export const atWillEvent = "shop.inventory.v1.AvailabilityChanged";
const atWill = new Set(
  ["OnOrderPlaced", "OnOrderCancelled"].map((name) => `shop.inventory.reactions.v1.InventoryReactionService.${name}`),
);

/** The signatures of all traces that there can be, finished or not. */
export function allSignatures(): ReadonlySet<string> {
  const seen = new Set<string>();
  const signatures = new Set<string>();
  const waiting = [beginning];
  for (let walk = waiting.pop(); walk; walk = waiting.pop()) {
    const trace = signature(walk.moves);
    const pending = walk.deliveries.map(({ consumer, eventType }) => `${consumer} ${eventType}`).toSorted();
    const key = [trace, pending, walk.armed, walk.due].join("|");
    if (seen.has(key)) continue;
    seen.add(key);
    signatures.add(trace);
    waiting.push(...choices(walk).map((choice) => choice.walk));
  }
  return signatures;
}

function versions(a: RecordedMove, b: RecordedMove): number {
  return a.version - b.version;
}

function movesOf({ methods, reactions }: Contract): readonly MoveContract[] {
  const { events = [], timers: timed = [], effects: called = [] } = reactions ?? {};
  const commanded = [...methods.values()].flatMap(({ command }) => command?.moves ?? []);
  return [...commanded, ...[...events, ...timed, ...called].flatMap(({ moves }) => moves)];
}

function announcedBy({ emits }: MoveContract): string[] {
  return emits ? [emits.message.typeName] : [];
}

function stateOf({ states }: Walk, { name }: Contract): string {
  return states[name] ?? "NONE";
}

function commands(walk: Walk, contract: Contract): Choice[] {
  return [...contract.methods.values()].flatMap(({ method, command }) =>
    (command?.moves ?? [])
      .filter(({ from }) => from === stateOf(walk, contract))
      .map((move) => ({ certain: false, walk: take(walk, { contract, rpc: nameOf(method), move }) })),
  );
}

function arrivals(walk: Walk, contract: Contract): Choice[] {
  const state = stateOf(walk, contract);
  return (contract.reactions?.events ?? []).flatMap(({ event, method, moves, ignoredIn }): Choice[] => {
    const eventType = event.message.typeName;
    const inside = announcedInside.has(eventType);
    const delivery = inside
      ? walk.deliveries.find((each) => each.consumer === contract.name && each.eventType === eventType)
      : { consumer: contract.name, eventType, eventId: `outside-${walk.moves.length}` };
    if (!delivery) return [];
    const left = { ...walk, deliveries: walk.deliveries.filter((each) => each !== delivery) };
    if (inside && ignoredIn.includes(state)) return [{ certain: true, walk: left }];
    const possible = moves.filter(({ from }) => from === state);
    if (inside && possible.length === 0) throw new Error(`${eventType} has no place in ${contract.name} ${state}`);
    return possible.map((move) => ({
      certain: inside,
      walk: take(left, { contract, rpc: nameOf(method), move, delivery }),
    }));
  });
}

function timers(walk: Walk, contract: Contract): Choice[] {
  return (contract.reactions?.timers ?? [])
    .filter(({ method }) => walk.armed.includes(nameOf(method)))
    .flatMap(({ method, moves }) =>
      moves
        .filter(({ from }) => from === stateOf(walk, contract))
        .map((move) => ({ certain: true, walk: take(walk, { contract, rpc: nameOf(method), move }) })),
    );
}

function effects(walk: Walk, contract: Contract): Choice[] {
  const state = stateOf(walk, contract);
  return (contract.reactions?.effects ?? [])
    .filter(({ method }) => walk.due.includes(nameOf(method)))
    .flatMap(({ method, moves, dueIn }) => {
      const left = { ...walk, due: walk.due.filter((name) => name !== nameOf(method)) };
      const taken = moves
        .filter(({ from }) => from === state)
        .map((move) => ({ certain: true, walk: take(left, { contract, rpc: nameOf(method), move }) }));
      return state === dueIn ? taken : [...taken, { certain: true, walk: left }];
    });
}

interface Taking {
  readonly contract: Contract;
  readonly rpc: string;
  readonly move: MoveContract;
  readonly delivery?: Delivery;
}

function take(walk: Walk, { contract, rpc, move, delivery }: Taking): Walk {
  const { name: service, reactions } = contract;
  const { from, to } = move;
  const step = walk.moves.length;
  const taken = walk.moves.filter((each) => each.service === service).length;
  const announced = announcedBy(move);
  const { eventId, eventType } = delivery ?? {};
  const recorded: RecordedMove = {
    ...{ service, saga: "checkout", key: "order-1", version: taken + 1, from, to, rpc, announced },
    ...(delivery && { eventId, eventType }),
    at: new Date(Date.UTC(2026, 0, 1) + step),
  };
  const armed = reactions?.timers.filter(({ armedIn }) => armedIn === to).map(({ method }) => nameOf(method)) ?? [];
  const dropped = reactions?.timers.filter(({ armedIn }) => armedIn === from).map(({ method }) => nameOf(method)) ?? [];
  const due = reactions?.effects.filter(({ dueIn }) => dueIn === to).map(({ method }) => nameOf(method)) ?? [];
  return {
    moves: [...walk.moves, recorded],
    states: { ...walk.states, [service]: to },
    deliveries: [...walk.deliveries, ...announced.flatMap((type) => deliveriesOf(type, `event-${step}`))],
    armed: [...walk.armed.filter((name) => !dropped.includes(name)), ...armed],
    due: [...walk.due, ...due],
  };
}

function deliveriesOf(eventType: string, eventId: string): Delivery[] {
  return participants
    .filter(({ reactions }) => reactions?.events.some(({ event }) => event.message.typeName === eventType))
    .map(({ name }) => ({ consumer: name, eventType, eventId }));
}

function nameOf(method: { readonly name: string; readonly parent: { readonly typeName: string } }): string {
  return `${method.parent.typeName}.${method.name}`;
}
