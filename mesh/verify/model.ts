import type { DescMethod } from "@bufbuild/protobuf";
import type { Contract, EventContract, MoveContract, SagaContract } from "#mesh/contract";

/** A saga as the explorer sees it: the machines of its participants and what moves them. */
export interface Model {
  readonly saga: SagaContract;
  readonly participants: readonly ParticipantModel[];
  readonly triggers: readonly Trigger[];
  /** The triggers by slot. */
  readonly slots: readonly (readonly Trigger[])[];
}

/** One participant's machine. */
export interface ParticipantModel {
  readonly contract: Contract;
  /** The last part of the service's name, such as "order": its name in rules. */
  readonly alias: string;
  readonly states: readonly string[];
  readonly final: readonly string[];
}

/** Something that may move a participant. */
export interface Trigger {
  /** Where it is counted how often it is under way. The versions of one trigger share a slot. */
  readonly slot: number;
  /** The version of the contract that it belongs to. */
  readonly version: "new" | "old";
  readonly kind: "command" | "event" | "timer" | "effect";
  /** Index of the participant. */
  readonly participant: number;
  readonly method: DescMethod;
  readonly moves: readonly MoveContract[];
  readonly ignoredIn: readonly string[];
  readonly parkedIn: readonly string[];
  /** The event of a reaction. */
  readonly event: EventContract | undefined;
  /** Whether the event is announced by a participant; others may come at any moment, any number of times. */
  readonly internal: boolean;
  readonly fanOut: boolean;
  readonly critical: boolean;
  /** The state that arms a timer or makes an effect due. */
  readonly dueIn: string | undefined;
}

/** Builds the model of a saga from the contracts of its participants. */
export function buildModel(saga: SagaContract, contracts: readonly Contract[]): Model {
  const members = contracts.filter(({ participant }) => participant?.saga === saga.name);
  const triggers = members.flatMap((contract, index) => triggersOf(contract, index));
  return modelOf(saga, members.map(participantOf), triggers);
}

/** Puts a model together: triggers of one key share a slot, and events that a move announces are internal. */
export function modelOf(
  saga: SagaContract,
  participants: readonly ParticipantModel[],
  found: readonly Trigger[],
): Model {
  const announced = new Set(found.flatMap(({ moves }) => moves.map(({ emits }) => emits?.message.typeName)));
  const keys = [...new Set(found.map(keyOf))];
  const triggers = found.map((trigger) => ({
    ...trigger,
    slot: keys.indexOf(keyOf(trigger)),
    internal: trigger.event !== undefined && announced.has(trigger.event.message.typeName),
  }));
  const slots = keys.map((_key, slot) => triggers.filter((trigger) => trigger.slot === slot));
  return { saga, participants, triggers, slots };
}

/** What stays the same about a trigger from version to version. */
export function keyOf({ kind, participant, event, method }: Trigger): string {
  return `${kind} ${participant} ${event?.message.typeName ?? method.name}`;
}

/** The last part of a service's name: how rules and pages call it. */
export function aliasOf(service: string): string {
  return service.slice(service.lastIndexOf(".") + 1);
}

/** A participant as its contract declares it. */
export function participantOf(contract: Contract): ParticipantModel {
  const { stateNames = [], final = [] } = contract.participant ?? {};
  return { contract, alias: aliasOf(contract.name), states: stateNames, final };
}

/** Everything that moves the participant of a contract. */
export function triggersOf(contract: Contract, participant: number, version: Trigger["version"] = "new"): Trigger[] {
  const common = {
    participant,
    version,
    slot: 0,
    ignoredIn: [],
    parkedIn: [],
    event: undefined,
    internal: false,
    fanOut: false,
    critical: false,
    dueIn: undefined,
  };
  const { events = [], timers = [], effects = [] } = contract.reactions ?? {};
  const moving = events.filter((event) => event.moves.length + event.ignoredIn.length + event.parkedIn.length > 0);
  return [
    ...[...contract.methods.values()].flatMap(({ method, command }) =>
      command ? [{ ...common, kind: "command" as const, method, ...command }] : [],
    ),
    ...moving.map((event) => ({ ...common, kind: "event" as const, ...event })),
    ...timers.map((timer) => ({ ...common, kind: "timer" as const, ...timer, dueIn: timer.armedIn })),
    ...effects.map((effect) => ({ ...common, kind: "effect" as const, ...effect })),
  ];
}
