import type { MoveContract } from "#mesh/contract";
import type { Finding } from "./finding.ts";
import type { Instances } from "./instance.ts";
import type { Model } from "./model.ts";

/** Notes states and moves that no run of a single instance comes to. */
export function checkCoverage(model: Model, instances: Instances): Finding[] {
  const reached = model.participants.map(() => new Set<number>());
  const taken = new Set<MoveContract | undefined>();
  for (let id = 0; id < instances.size; id++) {
    for (const [index, state] of instances.state(id).states.entries()) reached[index]?.add(state);
    for (const { move } of instances.steps(id).steps) taken.add(move);
  }
  return [...unreachable(model, reached), ...untaken(model, taken)];
}

function unreachable({ participants, saga }: Model, reached: readonly ReadonlySet<number>[]): Finding[] {
  return participants.flatMap(({ alias, states, contract }, index) =>
    states
      .filter((_state, state) => !reached[index]?.has(state))
      .map((state) => ({
        check: "unreachable state",
        problem: `${alias} never comes to ${state}`,
        element: contract.reactions?.service ?? saga.file,
        mend: "remove the state, or let something lead there",
      })),
  );
}

function untaken({ triggers }: Model, taken: ReadonlySet<MoveContract | undefined>): Finding[] {
  return triggers.flatMap(({ method, moves }) =>
    moves
      .filter((move) => !taken.has(move))
      .map(({ from, to }) => ({
        check: "move never taken",
        problem: `nothing ever brings about the move from ${from} to ${to}`,
        element: method,
        mend: "remove the move, or let its cause happen in that state",
      })),
  );
}
