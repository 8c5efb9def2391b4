import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import type { CommandContract } from "#mesh/contract";
import type { Transaction } from "#mesh/db";
import { type Emission, PermanentError } from "#mesh/events";
import type { Engine } from "./engine.ts";
import { rpcName } from "./reception.ts";
import { transition } from "./transition.ts";

/** What became of a command. Ignored and refused ones have changed nothing, as the contract says of their state. */
export type Moved<T> =
  | { readonly outcome: "moved"; readonly from: string; readonly to: string; readonly value: T }
  | { readonly outcome: "ignored" | "refused"; readonly state: string };

/** What a command decides. */
export interface Decision<T> {
  /** The event of the step, made with event(); left out for a step that announces nothing. */
  readonly emit?: { readonly schema: DescMessage; readonly message: Message } | undefined;
  /** Handed back to the caller. */
  readonly value: T;
}

/** Moves sagas by commands. */
export interface Participants {
  /**
   * Takes the step that the rpc `method` declares for the state of `key`, in a transaction of its own.
   * `decide` runs only in a state from which a move is declared, with the participant's row locked, and may run again
   * after a deadlock: it changes nothing but `tx`. What it throws rolls everything back and is thrown on.
   * Throws a PermanentError for a step that the contract does not declare.
   */
  command<T>(
    method: DescMethod,
    key: string,
    decide: (tx: Transaction, state: string) => Promise<Decision<T>>,
  ): Promise<Moved<T>>;
}

/** Makes the commands of a contract. */
export function createParticipants(engine: Engine): Participants {
  return {
    async command(method, key, decide) {
      const command = requireCommand(engine, method);
      const reception = { method, ...command, parkedIn: [] };
      return engine.database.transaction(async (tx) => {
        const moved = await transition(engine, {
          tx,
          key,
          reception,
          cause: { by: "command" },
          decide: async (state) => {
            const { emit, value } = await decide(tx, state);
            return { step: emit && emissionOf(method, command, emit), extra: [], value };
          },
        });
        if (moved.outcome === "moved") return moved;
        return { outcome: moved.outcome === "ignored" ? "ignored" : "refused", state: moved.state };
      });
    },
  };
}

function requireCommand({ contract, saga }: Engine, method: DescMethod): CommandContract {
  const command = contract.methods.get(method)?.command;
  if (command?.saga === saga) return command;
  throw new PermanentError(
    `${rpcName(method)} moves no saga of ${contract.name}. Give it the option (heddle.v1.on) with the saga "${saga}".`,
  );
}

function emissionOf(
  method: DescMethod,
  { moves }: CommandContract,
  { schema, message }: NonNullable<Decision<unknown>["emit"]>,
): Emission {
  const event = moves.map(({ emits }) => emits).find((emits) => emits?.message.typeName === schema.typeName);
  if (event) return { event, message };
  throw new PermanentError(
    `${rpcName(method)} announced ${schema.typeName}, which none of its moves in ${method.parent.file.name}.proto does. Declare the move or change the decision.`,
  );
}
