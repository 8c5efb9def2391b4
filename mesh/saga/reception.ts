import type { DescMethod } from "@bufbuild/protobuf";
import type { MoveContract } from "#mesh/contract";
import { type Emission, PermanentError } from "#mesh/events";

/** How the contract lets one rpc meet the states of a participant. */
export interface Reception {
  readonly method: DescMethod;
  readonly moves: readonly MoveContract[];
  readonly ignoredIn: readonly string[];
  readonly parkedIn: readonly string[];
}

/** What becomes of an rpc in a given state. Illegal: the contract does not say. */
export type Classification = "allowed" | "ignored" | "parked" | "illegal";

/** Says what becomes of an rpc in a state. */
export function classify(reception: Reception, state: string): Classification {
  if (reception.moves.some(({ from }) => from === state)) return "allowed";
  if (reception.ignoredIn.includes(state)) return "ignored";
  return reception.parkedIn.includes(state) ? "parked" : "illegal";
}

/**
 * Finds the one declared move that leaves a state with a given announcement, or with none.
 * Throws a PermanentError that names the contract's elements when there is no such move.
 */
export function requireMove(reception: Reception, state: string, step: Emission | undefined): MoveContract {
  const announced = step?.event.message.typeName;
  const found = reception.moves.find(({ from, emits }) => from === state && emits?.message.typeName === announced);
  if (found) return found;
  const name = rpcName(reception.method);
  const declared = reception.moves
    .filter(({ from }) => from === state)
    .map(({ to, emits }) => `${state} → ${to} ${emits ? `with ${emits.message.name}` : "without an event"}`);
  throw new PermanentError(
    `${name} answered ${announced ?? "with no event"} in the state ${state}, a step that ${reception.method.parent.file.name}.proto does not declare` +
      ` (declared there: ${declared.join(", ") || "none"}). Declare the move or change the handler.`,
  );
}

/** Full name of an rpc, such as "shop.order.reactions.v1.OrderReactionService.OnDeadline". */
export function rpcName(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}
