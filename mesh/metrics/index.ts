export type { Family, Labels, Sample } from "./family.ts";
export { Histogram } from "./histogram.ts";
export { statusName } from "./labels.ts";
export { createMetricsServer, type MetricsServerOptions } from "./metrics-server.ts";
export { type ProcessMetrics, processMetrics } from "./process-metrics.ts";
export type { Caller } from "./target-gauges.ts";
export { workersMetrics } from "./workers-metrics.ts";
