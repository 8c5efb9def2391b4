import type { Worker } from "node:cluster";
import { randomUUID } from "node:crypto";
import type { Part } from "#mesh/process";

/** Between the process that keeps workers and one of them. An answer has a text. */
interface MetricsMessage {
  readonly heddleMetrics: string;
  readonly text?: string;
}

/** How long a worker is waited for, in milliseconds. */
const patienceMs = 2_000;

/** The part of a worker that answers what its metrics are. */
export function tellPrimary(tell: () => Promise<string>): Part {
  const onMessage = (message: unknown) => {
    if (!isMetricsMessage(message)) return;
    // Metrics that cannot be told must not end the process that they are about.
    tell().then(
      (text) => process.send?.({ heddleMetrics: message.heddleMetrics, text }),
      () => undefined,
    );
  };
  return {
    name: "metrics",
    async start() {
      process.on("message", onMessage);
    },
    async stop() {
      process.off("message", onMessage);
    },
  };
}

/** Asks a worker for its metrics; undefined from one that is too busy, or about to end. */
export async function askWorker(worker: Worker): Promise<string | undefined> {
  const heddleMetrics = randomUUID();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const onMessage = (message: unknown) => {
    if (isMetricsMessage(message) && message.heddleMetrics === heddleMetrics) resolve(message.text);
  };
  const giveUp = () => resolve(undefined);
  const timer = setTimeout(giveUp, patienceMs);
  worker.on("message", onMessage).once("exit", giveUp);
  if (worker.isConnected()) worker.send({ heddleMetrics });
  else giveUp();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.off("message", onMessage).off("exit", giveUp);
  }
}

function isMetricsMessage(value: unknown): value is MetricsMessage {
  return typeof value === "object" && value !== null && "heddleMetrics" in value;
}
