import { performance } from "node:perf_hooks";
import { uuidv7 } from "uuidv7";
import type { Bucket } from "#mesh/nats";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { Instance } from "./instance.ts";
import { type RegistryTimes, registryTimes } from "./registry.ts";

/** What a process says of itself. */
export type Registration = Omit<Instance, "id" | "state" | "load">;

/** Keeps one instance registered, from its start to its stop. */
export interface Registrar extends Part {
  /** Says that no new calls are wanted. Resolves when the registry has it, or cannot be reached. */
  drain(): Promise<void>;
}

/** Creates the part that registers an instance; `registration` is asked when it starts, since only then its port is known. */
export function createRegistrar(
  bucket: Bucket,
  registration: () => Registration,
  log: Logger,
  times: RegistryTimes = {},
): Registrar {
  const { heartbeatMs } = registryTimes(times);
  const id = uuidv7();
  let own: Registration | undefined;
  let state: Instance["state"] = "serving";
  let timer: NodeJS.Timeout | undefined;
  let told = false;
  let lastUse = performance.eventLoopUtilization();

  /** How busy the event loop was since the last heartbeat, in steps that are worth telling. */
  function load(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, lastUse);
    lastUse = now;
    return Math.round(utilization * 20) / 20;
  }

  async function beat(): Promise<void> {
    if (!own) return;
    const instance: Instance = { ...own, id, state, load: load() };
    try {
      await bucket.put(`${own.service}.${id}`, Buffer.from(JSON.stringify(instance)));
      told = false;
    } catch (error) {
      if (!told) log.warn({ error: String(error) }, "cannot register, trying again with every heartbeat");
      told = true;
    }
  }

  return {
    name: "registration",
    async start() {
      own = registration();
      // A registry that is away is no reason not to start: whoever knows the address can call.
      await beat();
      timer = setInterval(() => void beat(), heartbeatMs).unref();
    },
    async drain() {
      state = "draining";
      await beat();
    },
    async stop() {
      clearInterval(timer);
      if (own) await bucket.remove(`${own.service}.${id}`).catch(() => undefined);
      own = undefined;
    },
  };
}
