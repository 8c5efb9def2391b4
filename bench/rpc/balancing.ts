import { inTurns } from "./figures.ts";
import { type ClientProcess, type ServerProcess, startClient, startServer } from "./processes.ts";
import type { SharedSettings } from "./settings.ts";

/** What a call takes at the slow replica when no other waits there: it can do 200 a second. */
const SLOW_MS = 5;
/** A third of this is more than the slow replica can do. */
const CALLS_PER_SECOND = 750;

/** Three replicas, of which one is slow and works on one call at a time: least requests of two against round robin. */
export async function measureBalancing(shared: SharedSettings): Promise<Record<string, object>> {
  const servers: ServerProcess[] = [];
  const clients: ClientProcess[] = [];
  try {
    for (const slowMs of [SLOW_MS, 0, 0]) servers.push(await startServer({ ...shared, kind: "mesh", slowMs }));
    const target = { ...shared, kind: "target", address: servers.map(({ address }) => address).join() } as const;
    const leastRequests = await startClient(target);
    clients.push(leastRequests);
    const roundRobin = await startClient({ ...target, roundRobin: true });
    clients.push(roundRobin);
    const byName = { "least requests": leastRequests, "round robin": roundRobin };
    const figures = await inTurns(["least requests", "round robin"], async (name, durationMs) => {
      const { p50, p99, failed, calls } = await byName[name].run({ callsPerSecond: CALLS_PER_SECOND, durationMs });
      return { "p50 ms": p50, "p99 ms": p99, "failed %": (100 * failed) / calls };
    });
    return {
      "one of three slow: least requests": figures["least requests"],
      "one of three slow: round robin": figures["round robin"],
    };
  } finally {
    for (const running of [...clients, ...servers]) running.kill();
  }
}
