import type { DescMethod } from "@bufbuild/protobuf";
import { type Move, StepClass } from "#gen/heddle/v1/saga_pb.ts";
import type { MoveContract, ParticipantContract } from "./contract.ts";
import type { EventIndex } from "./event-index.ts";
import type { Faults } from "./faults.ts";
import { didYouMean } from "./nearest-name.ts";

interface StateContext {
  readonly method: DescMethod;
  readonly participant: ParticipantContract;
  readonly faults: Faults;
}

interface MoveContext extends StateContext {
  readonly events: EventIndex;
}

/** Checks state names and returns those that exist. */
export function readStates(names: readonly string[], { method, participant, faults }: StateContext): string[] {
  return names.filter((name) => {
    if (participant.stateNames.includes(name)) return true;
    const mend = `name a state of ${participant.states.typeName} without prefix${didYouMean(name, participant.stateNames)}`;
    faults.add(method, `there is no state "${name}"`, mend);
    return false;
  });
}

/** Reads the moves of one method: known states, no way out of a final one, and one step for each state and event. */
export function readMoves(moves: readonly Move[], context: MoveContext): MoveContract[] {
  const { method, participant, events, faults } = context;
  const taken = new Set<string>();
  return moves.flatMap((move) => {
    if (readStates([move.from, move.to], context).length < 2) return [];
    if (participant.final.includes(move.from)) {
      faults.add(method, `a move leaves "${move.from}", which is final`, "drop the move or the final state");
    }
    if (move.to === "NONE") faults.add(method, "a move leads back to NONE", "name the state that it reaches");
    const step = `${move.from} ${move.emits}`;
    if (taken.has(step)) {
      faults.add(method, `two moves from "${move.from}" announce the same`, "let each announce another event");
    }
    taken.add(step);
    const emits = move.emits ? events.find(move.emits, method) : undefined;
    return move.emits && !emits ? [] : [{ from: move.from, to: move.to, emits, ...readUndoing(move, context) }];
  });
}

/** Reads what a move means for the undoing of the saga. */
function readUndoing(move: Move, { method, participant, faults }: StateContext) {
  const compensation = move.class === StepClass.COMPENSATION;
  if (move.compensates && !compensation) {
    faults.add(method, "a move compensates without being a compensation", "give it STEP_CLASS_COMPENSATION");
  }
  const [compensates = ""] = readStates([move.compensates || move.from], { method, participant, faults });
  for (const counter of move.takes.filter((name) => move.gives.includes(name))) {
    faults.add(method, `a move both takes and gives "${counter}"`, "drop both");
  }
  const { takes, gives } = move;
  return { stepClass: move.class, compensates: compensation ? compensates : "", takes, gives };
}
