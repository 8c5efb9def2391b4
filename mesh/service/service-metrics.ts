import type { ServiceConfig } from "#mesh/config";
import { type Caller, createMetricsServer, processMetrics } from "#mesh/metrics";
import { group, type Part } from "#mesh/process";
import type { RpcServerOptions, TargetTransportOptions } from "#mesh/rpc";

/** How a process counts its calls, where it does. */
export interface ServiceMetrics {
  /** To be added to the options of servers. */
  readonly serving: Pick<RpcServerOptions, "meterOf">;
  /** To be added to the options of transports. */
  readonly calling: Pick<TargetTransportOptions, "meterOf">;
  /** Serves what was counted: to start first, and to stop last. */
  part(caller: Caller): Part;
}

/** Counts calls when the configuration names a port to tell of them; else nothing is counted and nothing served. */
export function serviceMetrics({ host, metricsPort }: Pick<ServiceConfig, "host" | "metricsPort">): ServiceMetrics {
  if (metricsPort === 0) return { serving: {}, calling: {}, part: () => group("no metrics", []) };
  const metrics = processMetrics();
  return {
    serving: { meterOf: metrics.server.meterOf },
    calling: { meterOf: metrics.client.meterOf },
    part(caller) {
      let end: (() => void) | undefined;
      const watching: Part = {
        name: "metrics of targets",
        async start() {
          end = metrics.watch(caller);
        },
        async stop() {
          end?.();
        },
      };
      return group("metrics", [createMetricsServer({ host, port: metricsPort }), watching]);
    },
  };
}
