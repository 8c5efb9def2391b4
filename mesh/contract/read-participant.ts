import { type DescEnum, type DescFile, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { participant as participantOption } from "#gen/heddle/v1/saga_pb.ts";
import type { MoveContract, ParticipantContract } from "./contract.ts";
import { withDependencies } from "./event-index.ts";
import type { Faults } from "./faults.ts";

/** Reads the part that a service of reactions plays in a saga; undefined when it plays none. */
export function readParticipant(
  service: DescService,
  files: readonly DescFile[],
  faults: Faults,
): ParticipantContract | undefined {
  if (!hasOption(service, participantOption)) return undefined;
  const option = getOption(service, participantOption);
  const states = findEnum(files, option.states);
  if (!states) {
    faults.add(service, `there is no enum "${option.states}"`, "name the enum of states in full and import its file");
    return undefined;
  }
  if (!option.saga) faults.add(service, "the saga has no name", "set participant.saga");
  const stateNames = states.values.map((_value, index) => stateName(states, index));
  for (const name of option.final) {
    if (!stateNames.includes(name))
      faults.add(service, `there is no state "${name}"`, "name final states without prefix");
  }
  return { saga: option.saga, states, stateNames, final: option.final };
}

/** Notes states that nothing enters, and states that are not final but that nothing leaves. */
export function checkReachability(
  participant: ParticipantContract,
  moves: readonly MoveContract[],
  service: DescService,
  faults: Faults,
): void {
  for (const state of participant.stateNames.filter((name) => name !== "NONE")) {
    if (!moves.some((move) => move.to === state)) {
      faults.add(service, `no move reaches the state "${state}"`, "declare the move or remove the state");
    }
    if (!participant.final.includes(state) && !moves.some((move) => move.from === state)) {
      faults.add(service, `nothing leaves the state "${state}"`, "list it as final or declare a move out of it");
    }
  }
}

function findEnum(files: readonly DescFile[], typeName: string): DescEnum | undefined {
  return withDependencies(files)
    .flatMap((file) => file.enums)
    .find((candidate) => candidate.typeName === typeName);
}

/** The name of a state in moves: without the enum's prefix, and NONE for the zero value. */
function stateName(states: DescEnum, index: number): string {
  const value = states.values[index];
  if (!value || value.number === 0) return "NONE";
  const prefix = `${screamingSnakeCase(states.name)}_`;
  return value.name.startsWith(prefix) ? value.name.slice(prefix.length) : value.name;
}

function screamingSnakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
}
