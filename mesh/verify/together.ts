import type { Contract, MoveContract, SagaContract } from "#mesh/contract";
import { keyOf, type Model, modelOf, type ParticipantModel, participantOf, type Trigger, triggersOf } from "./model.ts";

/**
 * Builds the model of a rolling deployment: each step of a participant is taken by an instance of its old or of its new
 * contract. States, and deliveries under way, are common to both; rules and counters are those of the new saga.
 */
export function buildTogether(saga: SagaContract, now: readonly Contract[], before: readonly Contract[]): Model {
  const current = membersOf(saga, now);
  const former = membersOf(saga, before);
  const names = [...new Set([...current, ...former].map(({ name }) => name))];
  const find = (contracts: readonly Contract[], name: string) => contracts.filter((contract) => contract.name === name);
  const participants = names.map((name) => merge([...find(current, name), ...find(former, name)]));
  const triggers = names.flatMap((name, index) => find(current, name).flatMap((found) => triggersOf(found, index)));
  const old = names.flatMap((name, index) => find(former, name).flatMap((found) => triggersOf(found, index, "old")));
  return modelOf(saga, participants, [...triggers, ...old.map((trigger) => withMeaning(trigger, triggers))]);
}

function membersOf({ name }: SagaContract, contracts: readonly Contract[]): Contract[] {
  return contracts.filter(({ participant }) => participant?.saga === name);
}

/** A state is final when every version that knows it says so. */
function merge(versions: readonly Contract[]): ParticipantModel {
  const [first, ...others] = versions.map(participantOf);
  if (!first) throw new RangeError("a participant has at least one version");
  const all = [first, ...others];
  const states = [...new Set(all.flatMap((version) => version.states))];
  const isFinal = (state: string) =>
    all.every((version) => !version.states.includes(state) || version.final.includes(state));
  return { ...first, states, final: states.filter(isFinal) };
}

/** What a step means is a declaration for the proof, not a behaviour: an old step has the meaning of the same new one. */
function withMeaning(trigger: Trigger, current: readonly Trigger[]): Trigger {
  const same = current.find((candidate) => keyOf(candidate) === keyOf(trigger));
  const moves = trigger.moves.map((move) => {
    const { stepClass, compensates, takes, gives } = same?.moves.find((other) => isSame(move, other)) ?? move;
    return { ...move, stepClass, compensates, takes, gives };
  });
  return { ...trigger, moves };
}

function isSame(one: MoveContract, other: MoveContract): boolean {
  const [announced, otherwise] = [one, other].map(({ emits }) => emits?.message.typeName);
  return one.from === other.from && one.to === other.to && announced === otherwise;
}
