import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { uuidv7 } from "uuidv7";
import type { Bucket } from "#mesh/nats";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { Instance } from "./instance.ts";
import { type RegistryTimes, registryTimes } from "./registry.ts";

/** What a process says of itself. */
export type Registration = Omit<Instance, "id" | "state" | "load">;

/**
 * Keeps one instance registered. It registers at its start, which belongs after that of the server. Its stop, which
 * then comes before the server's, says that no new calls are wanted, and gives those who call a moment to hear it.
 */
export interface Registrar extends Part {
  /** Takes the instance out of the registry when it stops: the server's last calls have ended by then. */
  readonly removal: Part;
}

/** How long those who call may take to hear that an instance is about to stop, in milliseconds. */
const propagationMs = 100;

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

  /** Returns whether the registry knows. */
  async function beat(): Promise<boolean> {
    if (!own) return false;
    const instance: Instance = { ...own, id, state, load: load() };
    try {
      await bucket.put(`${own.service}.${id}`, Buffer.from(JSON.stringify(instance)));
      told = false;
      return true;
    } catch (error) {
      if (!told) log.warn({ error: String(error) }, "cannot register, trying again with every heartbeat");
      told = true;
      return false;
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
    async stop() {
      state = "draining";
      if (await beat()) await sleep(propagationMs);
    },
    removal: {
      name: "entry in the registry",
      async start() {},
      async stop() {
        clearInterval(timer);
        if (own) await bucket.remove(`${own.service}.${id}`).catch(() => undefined);
        own = undefined;
      },
    },
  };
}
