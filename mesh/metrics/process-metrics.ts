import { collectDefaultMetrics, Registry } from "prom-client";
import { type ClientMetrics, createClientMetrics } from "./client-metrics.ts";
import { type Family, writeFamily } from "./family.ts";
import { createServerMetrics, type ServerMetrics } from "./server-metrics.ts";
import { type Caller, targetFamilies } from "./target-gauges.ts";

/** All that is counted in one process. */
export interface ProcessMetrics {
  readonly server: ServerMetrics;
  readonly client: ClientMetrics;
  /** Tells from now on how the targets of a caller stand. Returns what ends that. */
  watch(caller: Caller): () => void;
  /** Tells from now on what else is counted. Returns what ends that. */
  add(families: () => readonly Family[]): () => void;
  /** Everything in the text format of Prometheus. */
  text(): Promise<string>;
}

let metrics: ProcessMetrics | undefined;

/** The metrics of this process, which has one set however many services run in it. */
export function processMetrics(): ProcessMetrics {
  metrics ??= createProcessMetrics();
  return metrics;
}

/**
 * Calls are counted by this folder and not by prom-client, which makes an object and a text of its labels for each value:
 * several microseconds for each call. What the process itself tells (memory, event loop, garbage collection) is its.
 */
function createProcessMetrics(): ProcessMetrics {
  const [server, client] = [createServerMetrics(), createClientMetrics()];
  const callers = new Set<Caller>();
  const others = new Set<() => readonly Family[]>();
  const process = new Registry();
  collectDefaultMetrics({ register: process });
  return {
    server,
    client,
    watch(caller) {
      callers.add(caller);
      return () => callers.delete(caller);
    },
    add(families) {
      others.add(families);
      return () => others.delete(families);
    },
    async text() {
      const calls = [...server.families(), ...client.families(), ...targetFamilies(callers, Date.now())];
      const families = [...calls, ...[...others].flatMap((told) => told())];
      return families.map(writeFamily).join("") + (await process.metrics());
    },
  };
}
