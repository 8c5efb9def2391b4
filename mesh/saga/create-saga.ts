import type { Receive } from "#mesh/events";
import { group, type Part } from "#mesh/process";
import { createParticipants, type Participants } from "./commands.ts";
import { createEffectWorker } from "./effect-worker.ts";
import { createEngine, type Engine, requireEvents, type SagaEvents, type SagaOptions } from "./engine.ts";
import { setHandlers, withoutHandlers } from "./handler-of.ts";
import { createMovePruner } from "./move-pruner.ts";
import { createReceive } from "./receive.ts";
import { createTimerWorker } from "./timer-worker.ts";

/**
 * The run-time of a service's part in a saga. Put together in this order: createSaga, createEvents with `receive`,
 * connect, handle; then start the worker after the events.
 */
export interface Saga {
  /** Moves by commands. */
  readonly participants: Participants;
  /** Takes in one event in its inbox transaction. */
  readonly receive: Receive;
  /** Fires timers, makes calls to the outside world and forgets old moves. Its start throws an Error when something is not connected. */
  readonly worker: Part;
  /** Connects the service's events. */
  connect(events: SagaEvents): void;
  /**
   * Takes over the ReactionHandlers of the contract's service of reactions.
   * Throws a TypeError when one is missing or the contract has no rpc for it.
   */
  handle(handlers: object): void;
}

/**
 * Creates the run-time of a service's part in a saga, as its contract declares it.
 * Throws a RangeError for an override of an undeclared timer.
 */
export function createSaga(options: SagaOptions): Saga {
  const engine = createEngine(options);
  return {
    participants: createParticipants(engine),
    receive: createReceive(engine),
    worker: createWorker(engine),
    connect(events) {
      engine.events = events;
    },
    handle(handlers) {
      setHandlers(engine, handlers);
    },
  };
}

function createWorker(engine: Engine): Part {
  const name = `saga of ${engine.contract.name}`;
  const connected: Part = {
    name: `${name}, connected`,
    async start() {
      requireEvents(engine);
      if (engine.contract.reactions && engine.handlers.size === 0) throw withoutHandlers(engine);
    },
    async stop() {},
  };
  return group(name, [
    connected,
    ...(engine.contract.participant ? [createMovePruner(engine)] : []),
    ...(engine.timerContracts.length > 0 ? [createTimerWorker(engine)] : []),
    ...(engine.effectContracts.length > 0 ? [createEffectWorker(engine)] : []),
  ]);
}
