import type { DescService } from "@bufbuild/protobuf";
import { StepClass } from "#gen/heddle/v1/saga_pb.ts";
import type { MoveContract } from "./contract.ts";
import type { Faults } from "./faults.ts";

/** Notes compensatable steps that nothing undoes, and compensations that undo nothing. */
export function checkCompensations(moves: readonly MoveContract[], service: DescService, faults: Faults): void {
  const compensations = moves.filter(({ stepClass }) => stepClass === StepClass.COMPENSATION);
  const compensatable = new Set(moves.filter(isCompensatable).map(({ to }) => to));
  for (const state of compensatable) {
    const undone = compensations.some(({ from, compensates }) => compensates === state && leadsTo(moves, state, from));
    if (undone) continue;
    faults.add(
      service,
      `nothing undoes the compensatable step to "${state}"`,
      "declare a STEP_CLASS_COMPENSATION move",
    );
  }
  for (const state of new Set(compensations.map(({ compensates }) => compensates))) {
    if (compensatable.has(state)) continue;
    faults.add(service, `a compensation undoes "${state}", which no compensatable step enters`, "name such a state");
  }
}

function isCompensatable({ stepClass }: MoveContract): boolean {
  return stepClass === StepClass.COMPENSATABLE;
}

/** Whether moves lead from one state to another. */
function leadsTo(moves: readonly MoveContract[], from: string, to: string): boolean {
  const reached = new Set([from]);
  for (const state of reached) {
    for (const move of moves) if (move.from === state) reached.add(move.to);
  }
  return reached.has(to);
}
