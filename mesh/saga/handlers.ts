import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { EffectDue } from "#gen/heddle/v1/saga_pb.ts";
import type { Transaction } from "#mesh/db";
import type { Delivery } from "#mesh/events";
import type { Logger } from "#mesh/telemetry";

/** What surrounds the handling of an event or a timer. */
export interface ReactionContext {
  /** The transaction that everything belongs to; calling the outside world inside it is forbidden. */
  readonly tx: Transaction;
  /** Key of the saga instance, which is the event's key. */
  readonly key: string;
  /** State before the step, such as "NONE"; empty for a fan-out and for an event that moves nothing. */
  readonly state: string;
  /** The delivery that brought the event; undefined for a timer. */
  readonly delivery: Delivery | undefined;
  readonly log: Logger;
}

/** What surrounds a call to the outside world. No transaction is open. */
export interface EffectContext {
  /** Aborted when the attempt's deadline has passed or the process gives up waiting while it stops. */
  readonly signal: AbortSignal;
  /** The same for every attempt: `<saga>/<key>/<effect>`. Pass it on to whom you call. */
  readonly idempotencyKey: string;
  readonly log: Logger;
}

/** The known outcome of a call to the outside world. Throw when the outcome is not known: it is tried again. */
export interface EffectOutcome<O extends DescMessage> {
  readonly result: MessageInitShape<O>;
  /** Writes what is to be remembered of the call, in the transaction of the step, also when no step is taken. */
  readonly record?: (tx: Transaction) => Promise<void>;
}

/** Handles an event, or a timer that fired, and answers with the step taken. */
export type ReactionHandler<I extends DescMessage, O extends DescMessage> = (
  event: MessageShape<I>,
  context: ReactionContext,
) => Promise<MessageInitShape<O>>;

/** Calls the outside world: at least once, in order for each key. */
export type EffectHandler<O extends DescMessage> = (
  due: EffectDue,
  context: EffectContext,
) => Promise<EffectOutcome<O>>;

type HandlerOf<M> = M extends {
  readonly input: infer I extends DescMessage;
  readonly output: infer O extends DescMessage;
}
  ? MessageShape<I> extends EffectDue
    ? EffectHandler<O>
    : ReactionHandler<I, O>
  : never;

/** One handler for each rpc of a service of reactions; a missing one or an undeclared outcome does not compile. */
export type ReactionHandlers<S extends DescService> = {
  readonly [Name in keyof S["method"]]: HandlerOf<S["method"][Name]>;
};
