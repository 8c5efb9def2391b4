import { setTimeout } from "node:timers/promises";
import type { Logger } from "#mesh/telemetry";
import { createActiveMessages } from "./active-messages.ts";
import {
  type Backlog,
  type Broker,
  BrokerFault,
  type ConsumerSpec,
  type Consumption,
  type IncomingMessage,
} from "./broker.ts";

/** One durable consumer of one stream. */
export interface ConsumerOptions {
  readonly broker: Broker;
  readonly spec: ConsumerSpec;
  /** Most messages that are requested ahead or worked on at once. */
  readonly maxMessages: number;
  /** Works on a message and ends it; must not reject. */
  readonly handle: (message: IncomingMessage) => Promise<void>;
  readonly log: Logger;
}

/** A running consumer. */
export interface Consumer {
  /** Whether messages are being pulled. */
  readonly consuming: boolean;
  /** How far it is behind; undefined while nothing is pulled or the broker gives no answer. */
  backlog(): Promise<Backlog | undefined>;
  /** Asks for no more and waits until all that were received have ended. */
  stop(): Promise<void>;
}

/** How often a consumer looks for a stream that does not exist yet, in milliseconds. */
const streamDelayMs = 500;
/** How long a consumer rests after another fault, in milliseconds. */
const faultDelayMs = 2_000;
/** How often the broker hears of messages that are still worked on: a third of the time after which it sends them again. */
const workingsPerAckWait = 3;
/** A consumer that receives nothing for this long although there is something is started anew, in milliseconds. */
const silenceMs = 30_000;

/** Starts to pull from a durable, which is created once its stream exists. Nothing ends it but stop(). */
export function runConsumer({ broker, spec, maxMessages, handle, log }: ConsumerOptions): Consumer {
  const about = { stream: spec.stream, consumer: spec.name };
  const stopping = new AbortController();
  const active = createActiveMessages(maxMessages);
  const heartbeat = setInterval(active.working, spec.ackWaitMs / workingsPerAckWait);
  let consumption: { readonly durable: string } | undefined;
  let lastMessageAt = 0;

  async function consumeUntilGone(): Promise<void> {
    const durable = await broker.ensureConsumer(spec);
    const current = await broker.consume(spec.stream, durable, maxMessages);
    consumption = { durable };
    stopping.signal.addEventListener("abort", current.stop, { once: true });
    if (stopping.signal.aborted) {
      current.stop();
    }
    log.debug({ ...about, durable }, "consuming events");
    lastMessageAt = Date.now();
    const watchdog = setInterval(() => void restartIfSilent(current, durable), silenceMs / 3);
    try {
      await acceptAll(current);
    } finally {
      clearInterval(watchdog);
      stopping.signal.removeEventListener("abort", current.stop);
      consumption = undefined;
    }
  }

  async function acceptAll(messages: Consumption): Promise<void> {
    for await (const message of messages) {
      lastMessageAt = Date.now();
      active.add(message, handle(message));
      await active.room();
    }
  }

  /** After a reconnect a pull may be lost on the way: without this the consumer would wait for ever. */
  async function restartIfSilent(current: Consumption, durable: string): Promise<void> {
    if (!broker.connected || active.size > 0 || Date.now() - lastMessageAt < silenceMs) {
      return;
    }
    const backlog = await broker.backlog(spec.stream, durable).catch(() => undefined);
    if (backlog !== undefined && backlog.undelivered > 0) {
      log.warn({ ...about, backlog: backlog.undelivered }, "a consumer has fallen silent, starting it anew");
      current.stop();
    }
  }

  async function run(): Promise<void> {
    let told: string | undefined;
    while (!stopping.signal.aborted) {
      const fault = await consumeUntilGone().then(() => undefined, asBrokerFault);
      // Once for each kind in a row: the wait may be long.
      if (fault !== undefined && fault.kind !== told) {
        tellFault(log, about, fault);
      }
      told = fault?.kind;
      if (fault !== undefined) {
        await restUntilConnected(broker, fault.kind === "no stream" ? streamDelayMs : faultDelayMs, stopping.signal);
      }
    }
  }

  const running = run();
  return {
    get consuming() {
      return consumption !== undefined && broker.connected;
    },
    async backlog() {
      return consumption && (await broker.backlog(spec.stream, consumption.durable).catch(() => undefined));
    },
    async stop() {
      stopping.abort();
      await running;
      await active.ended();
      clearInterval(heartbeat);
    },
  };
}

function asBrokerFault(error: unknown): BrokerFault {
  return error instanceof BrokerFault ? error : new BrokerFault("away", String(error), { cause: error });
}

function tellFault(log: Logger, about: object, fault: BrokerFault): void {
  if (fault.kind === "no stream") {
    log.info(about, "the stream does not exist yet: waiting for the service that feeds it");
  } else {
    const level = fault.kind === "away" ? "warn" : "error";
    log[level]({ ...about, fault: fault.kind, error: fault.message }, "cannot consume events");
  }
}

async function restUntilConnected(broker: Broker, ms: number, stopped: AbortSignal): Promise<void> {
  const connected = new AbortController();
  const forget = broker.onConnect(() => connected.abort());
  const signal = AbortSignal.any([connected.signal, stopped]);
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
  forget();
}
