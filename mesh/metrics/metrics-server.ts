import cluster from "node:cluster";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Part, StartError } from "#mesh/process";
import { processMetrics } from "./process-metrics.ts";
import { tellPrimary } from "./worker-metrics.ts";

/** Where metrics are served. */
export interface MetricsServerOptions {
  readonly host: string;
  /** Not 0: everybody in a process who names the same port shares one server. */
  readonly port: number;
  /** What is told, in the text format of Prometheus. Default: all that is counted in this process. */
  readonly text?: () => Promise<string>;
}

interface Shared {
  users: number;
  readonly server: Server;
  readonly listening: Promise<unknown>;
}

const shared = new Map<number, Shared>();

/**
 * Serves the metrics of this process at http://host:port/metrics, to whoever can reach the port. Its start throws a
 * StartError when another process has the port. One of several workers tells its own to the process that keeps them,
 * which serves those of all: see workersMetrics().
 */
export function createMetricsServer({ host, port, text = () => processMetrics().text() }: MetricsServerOptions): Part {
  if (cluster.isWorker) return tellPrimary(text);
  let used: Shared | undefined;
  return {
    name: "metrics",
    async start() {
      used = shared.get(port) ?? open(host, port, text);
      used.users++;
      try {
        await used.listening;
      } catch (cause) {
        used = undefined;
        shared.delete(port);
        const mend = "Set HEDDLE_METRICS_PORT to a free port, one for each process, or to 0 for no metrics";
        throw new StartError(
          `Metrics cannot be served at ${host}:${port}: ${cause instanceof Error ? cause.message : cause}. ${mend}.`,
        );
      }
    },
    async stop() {
      const left = used;
      used = undefined;
      if (!left || --left.users > 0) return;
      shared.delete(port);
      const closed = once(left.server, "close");
      left.server.close();
      left.server.closeAllConnections();
      await closed;
    },
  };
}

function open(host: string, port: number, text: () => Promise<string>): Shared {
  const server = createServer((request, response) => void answer(request, response, text));
  const opened = { users: 0, server, listening: once(server.listen(port, host), "listening") };
  shared.set(port, opened);
  return opened;
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  tell: () => Promise<string>,
): Promise<void> {
  if (url !== "/metrics") return void response.writeHead(404).end();
  if (method !== "GET" && method !== "HEAD") return void response.writeHead(405, { allow: "GET, HEAD" }).end();
  try {
    const text = await tell();
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
  } catch {
    // Metrics that cannot be told must not end the process that they are about.
    response.writeHead(500).end();
  }
}
