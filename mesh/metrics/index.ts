export type { Family, Sample } from "./family.ts";
export { createMetricsServer, type MetricsServerOptions } from "./metrics-server.ts";
export { type ProcessMetrics, processMetrics } from "./process-metrics.ts";
export type { Caller } from "./target-gauges.ts";
export { workersMetrics } from "./workers-metrics.ts";
