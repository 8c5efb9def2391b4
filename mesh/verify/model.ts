import type { DescMethod } from "@bufbuild/protobuf";
import type { Contract, EventContract, MoveContract, SagaContract } from "#mesh/contract";

/** A saga as the explorer sees it: the machines of its participants and what moves them. */
export interface Model {
  readonly saga: SagaContract;
  readonly participants: readonly ParticipantModel[];
  readonly triggers: readonly Trigger[];
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
  const announced = new Set(
    members.flatMap((contract) => triggersOf(contract, 0)).flatMap(({ moves }) => moves.map(({ emits }) => emits)),
  );
  const triggers = members
    .flatMap((contract, index) => triggersOf(contract, index))
    .map((trigger) => ({ ...trigger, internal: announced.has(trigger.event) && trigger.event !== undefined }));
  return { saga, participants: members.map(participantOf), triggers };
}

/** The last part of a service's name: how rules and pages call it. */
export function aliasOf(service: string): string {
  return service.slice(service.lastIndexOf(".") + 1);
}

function participantOf(contract: Contract): ParticipantModel {
  const { stateNames = [], final = [] } = contract.participant ?? {};
  return { contract, alias: aliasOf(contract.name), states: stateNames, final };
}

function triggersOf(contract: Contract, participant: number): Trigger[] {
  const common = {
    participant,
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
