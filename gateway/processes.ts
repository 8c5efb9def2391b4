import cluster from "node:cluster";
import { once } from "node:events";
import { createServer } from "node:net";
import { createMetricsServer, workersMetrics } from "#mesh/metrics";
import { createWorkers, group, type Part, type Program, StartError } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";

/** How many processes a gateway is, and how the one that keeps the others behaves. */
export interface GatewayProcesses {
  /** 1: the gateway is this process. */
  readonly workers: number;
  readonly host: string;
  /** The port of the gateway. */
  readonly port: number;
  /** Where the metrics of all are served; 0 for nowhere. */
  readonly metricsPort: number;
  readonly logLevel: string;
  readonly logFormat: "json" | "pretty";
  /** Whether SIGHUP goes on to the workers, or ends them. */
  readonly passHangup?: boolean;
}

/**
 * A gateway as this process, or what keeps several of them behind one port: in the workers, and where there is to be
 * one only, it is what `make` makes.
 */
export function inProcesses(processes: GatewayProcesses, make: () => Program): Program {
  return processes.workers === 1 || cluster.isWorker ? make() : keeper(processes);
}

function keeper({
  workers: count,
  host,
  port,
  metricsPort,
  logLevel,
  logFormat,
  passHangup,
}: GatewayProcesses): Program {
  const log = createLogger({ name: "gateway", level: logLevel, format: logFormat });
  const workers = createWorkers({ count, log });
  const text = () => workersMetrics(workers);
  const metrics = metricsPort === 0 ? [] : [createMetricsServer({ host, port: metricsPort, text })];
  return {
    ...group("gateway", [freePort(host, port), ...metrics, workers]),
    log,
    ...(passHangup && { hangup: () => workers.signal("SIGHUP") }),
  };
}

/** Workers would share their port with whoever else shares his: with a second gateway, started by mistake. */
function freePort(host: string, port: number): Part {
  return {
    name: "port",
    async start() {
      if (port === 0) throw new StartError("Several workers need a port of their own choice: set one that is not 0.");
      const server = createServer();
      server.listen(port, host);
      try {
        await once(server, "listening");
      } catch (cause) {
        throw new StartError(`Port ${port} on ${host}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
      server.close();
      await once(server, "close");
    },
    async stop() {},
  };
}
