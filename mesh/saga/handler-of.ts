import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { EffectDue } from "#gen/heddle/v1/saga_pb.ts";
import type { Transaction } from "#mesh/db";
import type { Engine } from "./engine.ts";
import type { EffectContext, ReactionContext } from "./handlers.ts";

type Handler<Request, Context, Answer> = (request: Request, context: Context) => Promise<Answer>;

/** A reaction's handler as the run-time sees it: its types were checked where it was written. */
export type AnyReactionHandler = Handler<Message, ReactionContext, unknown>;

/** What a call to the outside world has led to, as the run-time sees it. */
export interface AnyOutcome {
  readonly result: unknown;
  readonly record?: (tx: Transaction) => Promise<void>;
}

/** An effect's handler as the run-time sees it. */
export type AnyEffectHandler = Handler<EffectDue, EffectContext, AnyOutcome>;

/** Takes the handlers over. Throws a TypeError when one is missing or the contract has no rpc for it. */
export function setHandlers({ handlers, contract }: Engine, given: object): void {
  const methods = contract.reactions?.service.methods ?? [];
  const names = methods.map(({ localName }) => localName);
  const entries = Object.entries(given);
  const missing = names.filter((name) => !entries.some(([given, value]) => given === name && isHandler(value)));
  if (missing.length > 0) throw new TypeError(`${contract.name} has no handler for ${missing.join(", ")}. Write it.`);
  const unknown = entries.map(([name]) => name).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(
      `${contract.name} declares no reaction ${unknown.join(", ")}. Declare the rpc or drop the handler.`,
    );
  }
  for (const [name, handler] of entries) handlers.set(name, handler);
}

/** The handler of an event or a timer. Throws an Error before the handlers are known. */
export function reactionHandler(engine: Engine, method: DescMethod): AnyReactionHandler {
  const handler = engine.handlers.get(method.localName);
  if (isHandler<AnyReactionHandler>(handler)) return handler;
  throw withoutHandlers(engine);
}

/** The handler of an effect. Throws an Error before the handlers are known. */
export function effectHandler(engine: Engine, method: DescMethod): AnyEffectHandler {
  const handler = engine.handlers.get(method.localName);
  if (isHandler<AnyEffectHandler>(handler)) return handler;
  throw withoutHandlers(engine);
}

/** The error of a saga that is to run before its handlers are known. */
export function withoutHandlers({ contract }: Engine): Error {
  return new Error(`The saga of ${contract.name} has no handlers yet. Call handle() before it starts.`);
}

function isHandler<H>(value: unknown): value is H {
  return typeof value === "function";
}
