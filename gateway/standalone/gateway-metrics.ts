import { createMetricsServer, type Family, processMetrics } from "#mesh/metrics";
import { group, type Part } from "#mesh/process";
import type { TargetTransportOptions } from "#mesh/rpc";
import type { TargetView } from "#mesh/target";

/** What became of a reading of the contracts. */
export type ReloadResult = "swapped" | "refused";

/** What a standalone gateway counts. */
export interface GatewayMetrics {
  /** To be added to the options of channels. */
  readonly calling: Pick<TargetTransportOptions, "meterOf">;
  reloaded(result: ReloadResult): void;
  /** Serves what was counted: to start first, and to stop last. */
  part(targets: () => readonly TargetView[]): Part;
}

/** Counts when there is a port to tell of it; else nothing is served. */
export function gatewayMetrics({ host, port }: { readonly host: string; readonly port: number }): GatewayMetrics {
  const reloads: Record<ReloadResult, number> = { swapped: 0, refused: 0 };
  const reloaded = (result: ReloadResult) => {
    reloads[result]++;
  };
  if (port === 0) return { calling: {}, reloaded, part: () => group("no metrics", []) };
  const metrics = processMetrics();
  return {
    calling: { meterOf: metrics.client.meterOf },
    reloaded,
    part(targets) {
      const ends: (() => void)[] = [];
      const telling: Part = {
        name: "metrics of the gateway",
        async start() {
          ends.push(
            metrics.watch({ name: "gateway", targets }),
            metrics.add(() => [reloadFamily(reloads)]),
          );
        },
        async stop() {
          for (const end of ends.splice(0)) end();
        },
      };
      return group("metrics", [createMetricsServer({ host, port }), telling]);
    },
  };
}

function reloadFamily(reloads: Readonly<Record<ReloadResult, number>>): Family {
  return {
    ...{ type: "counter", name: "heddle_gateway_reloads_total", help: "Readings of the contracts after the start." },
    samples: Object.entries(reloads).map(([result, value]) => ({ labels: { result }, value })),
  };
}
