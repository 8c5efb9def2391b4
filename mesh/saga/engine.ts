import type { Contract, EffectContract, TimerContract } from "#mesh/contract";
import type { Database, Transaction } from "#mesh/db";
import type { Outbox } from "#mesh/events";
import { createWakeUp, type WakeUp } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";

/** What a saga's run-time is made of. */
export interface SagaOptions {
  readonly contract: Contract;
  readonly database: Database;
  readonly log: Logger;
  /** Milliseconds that replace a timer's declared time, by the name of its rpc: for tests and small demonstrations. */
  readonly timers?: Readonly<Record<string, number>>;
  /** Calls to the outside world that run at once. Default 16. */
  readonly effectConcurrency?: number;
  /** Timers that fire at once. Default 8. */
  readonly timerConcurrency?: number;
  /** How long the moves of an instance are kept after it came to its end, in milliseconds. Default 15 days. */
  readonly historyMs?: number;
  /** How long a stop waits for calls in hand before it aborts them, in milliseconds. Default 10 000. */
  readonly stopTimeoutMs?: number;
}

/** What a saga needs of the service's events. */
export interface SagaEvents {
  /** Where the events of steps are appended. */
  readonly outbox: Pick<Outbox, "append">;
  /** Makes parked deliveries of these saga keys run again, in the transaction of the step that they waited for. */
  release(tx: Transaction, keys: readonly string[]): Promise<void>;
}

/** The parts of a saga's run-time that its steps share. */
export interface Engine extends SagaOptions {
  /** Connected after the creation, because events take in what the saga receives. */
  events: SagaEvents | undefined;
  /** Handlers by the name of their rpc in TypeScript; filled after the creation, because they need what it gives. */
  readonly handlers: Map<string, unknown>;
  /** Name of the saga; empty where the service plays no part in one. */
  readonly saga: string;
  readonly timerContracts: readonly TimerContract[];
  readonly effectContracts: readonly EffectContract[];
  /** States in which some event waits. */
  readonly parkedStates: ReadonlySet<string>;
  /** States that end an instance. */
  readonly finalStates: ReadonlySet<string>;
  /** Rung when timers were armed. */
  readonly timerWakeUp: WakeUp;
  /** Rung when calls became due. */
  readonly effectWakeUp: WakeUp;
}

/** Prepares the shared parts. Throws a RangeError for an override of a timer that the contract does not declare. */
export function createEngine(options: SagaOptions): Engine {
  const { participant, reactions } = options.contract;
  return {
    ...options,
    events: undefined,
    handlers: new Map(),
    saga: participant?.saga ?? "",
    timerContracts: overrideTimers(reactions?.timers ?? [], options),
    effectContracts: reactions?.effects ?? [],
    parkedStates: new Set(reactions?.events.flatMap(({ parkedIn }) => parkedIn)),
    finalStates: new Set(participant?.final),
    timerWakeUp: createWakeUp(),
    effectWakeUp: createWakeUp(),
  };
}

function overrideTimers(timers: readonly TimerContract[], { contract, timers: overrides = {} }: SagaOptions) {
  for (const name of Object.keys(overrides)) {
    if (timers.some(({ method }) => method.name === name)) continue;
    const known = timers.map(({ method }) => method.name).join(", ") || "none";
    throw new RangeError(`${contract.name} declares no timer "${name}". Override one of these or drop it: ${known}.`);
  }
  return timers.map((timer) => ({ ...timer, afterMs: overrides[timer.method.name] ?? timer.afterMs }));
}

/** The service's events. Throws an Error before they are connected. */
export function requireEvents({ events, contract }: Engine): SagaEvents {
  if (events) return events;
  throw new Error(`The saga of ${contract.name} has no events yet. Call connect() before it starts.`);
}
