import { fromBinary, type Message } from "@bufbuild/protobuf";
import { type EventReactionContract, eventKey } from "#mesh/contract";
import type { Transaction } from "#mesh/db";
import { type Delivery, type Emission, PermanentError, type Receive } from "#mesh/events";
import { type Engine, requireEvents } from "./engine.ts";
import { reactionHandler } from "./handler-of.ts";
import type { StepCause } from "./participant-row.ts";
import { rpcName } from "./reception.ts";
import { readResult } from "./result.ts";
import { transition } from "./transition.ts";

interface Arrival {
  readonly reaction: EventReactionContract;
  readonly delivery: Delivery;
  readonly message: Message;
  readonly tx: Transaction;
}

/** Makes the function that takes in the events which the contract's reactions consume. */
export function createReceive(engine: Engine): Receive {
  const reactions = new Map(
    engine.contract.reactions?.events.map((reaction) => [reaction.event.message.typeName, reaction]),
  );
  return async (delivery, tx) => {
    const reaction = reactions.get(delivery.type);
    if (!reaction) throw new PermanentError(`${engine.contract.name} declares no reaction to ${delivery.type}`);
    const arrival = { reaction, delivery, message: decode(reaction, delivery), tx };
    if (isProjection(reaction)) return project(engine, arrival);
    return reaction.fanOut ? fanOut(engine, arrival) : move(engine, arrival);
  };
}

function decode({ event }: EventReactionContract, delivery: Delivery): Message {
  try {
    return fromBinary(event.message, delivery.payload);
  } catch (cause) {
    throw new PermanentError(`The payload of ${delivery.eventId} is no ${delivery.type}`, { cause });
  }
}

/** An event that moves nothing: only the handler knows what it does. */
function isProjection({ moves, ignoredIn, parkedIn }: EventReactionContract): boolean {
  return moves.length + ignoredIn.length + parkedIn.length === 0;
}

async function project(engine: Engine, arrival: Arrival): Promise<"done"> {
  const { step, extra } = await handle(engine, arrival, "");
  const events = step ? [step, ...extra] : extra;
  if (events.length > 0) await requireEvents(engine).outbox.append(arrival.tx, events);
  return "done";
}

async function move(engine: Engine, arrival: Arrival): Promise<"done" | "parked"> {
  const { reaction, delivery, tx } = arrival;
  const moved = await transition(engine, {
    tx,
    key: delivery.key,
    reception: reaction,
    cause: causeOf(delivery),
    decide: async (state) => ({ ...(await handle(engine, arrival, state)), value: undefined }),
  });
  if (moved.outcome === "moved") return "done";
  if (moved.outcome === "illegal") throw illegal(engine, arrival, delivery.key, moved.state);
  engine.log.debug({ saga: engine.saga, key: delivery.key, state: moved.state, event: delivery.type }, moved.outcome);
  return moved.outcome === "parked" ? "parked" : "done";
}

/** One event moves many: each event in the answer is the step of the instance that it names by its key. */
async function fanOut(engine: Engine, arrival: Arrival): Promise<"done"> {
  const { reaction, delivery, tx } = arrival;
  const { extra: events } = await handle(engine, arrival, "");
  const announced = new Set(reaction.moves.map(({ emits }) => emits?.message.typeName));
  const isStep = ({ event }: Emission) => announced.has(event.message.typeName);
  const steps = events.filter(isStep).map((step) => ({ step, key: eventKey(step.event, step.message) }));
  // In the order of keys, so that two fan-outs never wait for each other.
  for (const { step, key } of steps.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    const decide = async () => ({ step, extra: [], value: undefined });
    const moved = await transition(engine, { tx, key, reception: reaction, cause: causeOf(delivery), decide });
    if (moved.outcome !== "moved") throw illegal(engine, arrival, key, moved.state);
  }
  const extra = events.filter((event) => !isStep(event));
  if (extra.length > 0) await requireEvents(engine).outbox.append(tx, extra);
  return "done";
}

function causeOf({ eventId, type }: Delivery): StepCause {
  return { by: "event", eventId, eventType: type };
}

async function handle(engine: Engine, arrival: Arrival, state: string) {
  const { reaction, delivery, message, tx } = arrival;
  const handler = reactionHandler(engine, reaction.method);
  const returned = await handler(message, { tx, key: delivery.key, state, delivery, log: engine.log });
  return readResult(reaction.method, reaction.results, returned);
}

/** A reception that the contract does not declare: an alarm, because the saga would stand still otherwise. */
function illegal(engine: Engine, { reaction, delivery }: Arrival, key: string, state: string): PermanentError {
  const { saga } = engine;
  const rpc = rpcName(reaction.method);
  engine.log.error({ saga, key, state, event: delivery.type, eventId: delivery.eventId, rpc }, "illegal reception");
  const mend = reaction.fanOut
    ? "The handler must lock the instances and list only those that move."
    : "Declare a move, ignored_in or parked_in for it.";
  return new PermanentError(`${rpc} does not allow ${delivery.type} in the state ${state} of ${saga}/${key}. ${mend}`);
}
