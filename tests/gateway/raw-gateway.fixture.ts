// A library behind two gateways, one in plaintext and one with TLS, in a process of its own: whoever attacks it sees
// whether it lives, what it holds and what it thought of its requests.
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { startLibrary } from "../../gateway/library.fixture.ts";

/** What the process tells of itself. */
export interface Report {
  readonly urls: readonly string[];
  /** Bytes on the heap and in buffers, after a collection. */
  readonly bytes: number;
  /** Connections of clients that are open. */
  readonly connections: number;
  /** How many of each kind of resource keep the process alive, such as timers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Requests that ended as if the gateway or the library were at fault. */
  readonly faults: readonly Record<string, unknown>[];
  /** How many requests ended with each status since the last report. */
  readonly statuses: Readonly<Record<string, number>>;
}

const accepted = new Set<Socket>();
subscribe("net.server.socket", (message) => {
  const { socket } = message as { socket: Socket };
  accepted.add(socket);
  socket.on("close", () => accepted.delete(socket));
});
const { config, tls } = JSON.parse(process.argv[2] ?? "{}");
const libraries = await Promise.all([startLibrary({ config }), startLibrary({ config: { ...config, tls } })]);

const ports = new Set(libraries.map(({ url }) => Number(new URL(url).port)));

process.on("disconnect", () => process.exit());
process.on("message", async () => process.send?.(await report()));
process.send?.(await report());

async function report(): Promise<Report> {
  const requests = libraries.flatMap(({ lines }) => lines.splice(0)).filter(({ status }) => status !== undefined);
  // Twice, with what finalizers and closed handles leave behind in between.
  for (let each = 0; each < 2; each++) {
    await turn();
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    urls: libraries.map(({ url }) => url),
    bytes: heapUsed + external,
    connections: [...accepted].filter(({ localPort }) => ports.has(localPort ?? 0)).length,
    resources: counted(process.getActiveResourcesInfo()),
    faults: requests.filter(isFault),
    statuses: counted(requests.map(({ status }) => String(status))),
  };
}

/** Unknown is what Connect calls a wrong method or content type, for whose refusal some have not waited (499). */
function isFault({ status, code, err }: Record<string, unknown>): boolean {
  if (err !== undefined || status === 500 || status === 502) return true;
  const refused = status === 405 || status === 415 || status === 499;
  return code === "Internal" || code === "DataLoss" || (code === "Unknown" && !refused);
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
