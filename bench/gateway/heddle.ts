// Our gateway as it runs in production, its access log included; tokens are the only part that the calls do not need.

import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { CatalogService as CatalogServiceV2 } from "#gen/shop/catalog/v2/catalog_service_pb.ts";
import { gateway } from "../../gateway/gateway.ts";
import { defaultGuard } from "../../gateway/guard/guard-config.ts";
import { defaultClientLimits } from "../../gateway/http/client-limits.ts";
import { defaultRestConfig } from "../../gateway/rest/rest-config.ts";

const address = process.argv[2] ?? "";
const edge = gateway({
  config: {
    host: "127.0.0.1",
    port: 0,
    workers: 1,
    security: { kind: "plaintext", secret: "a secret that only the benchmark knows" },
    logLevel: "info",
    logFormat: "json",
    metricsPort: 0,
    channel: "mesh",
    localCalls: false,
    trafficFaults: false,
    streamReplicas: 1,
    registryUrl: "nats://127.0.0.1:1",
    self: { address: "", version: "", zone: "", weight: 1 },
    corsOrigins: [],
    // Calls are counted against limits that are never reached, not even beside ten thousand slow clients of one address.
    guard: { ...defaultGuard, rateLimitFactor: 1_000_000, maxConcurrent: 20_000, clientShare: 100 },
    rest: defaultRestConfig,
    clients: defaultClientLimits,
    maxBodyBytes: 4 * 1024 * 1024,
    docs: true,
    drainDelayMs: 0,
    drainTimeoutMs: 1_000,
    streams: { openAfterMs: 1_000, heartbeatMs: 15_000, idleTimeoutMs: 300_000 },
    addressOf: () => address,
    serverOf: () => "",
  },
  services: [IdentityService, CatalogService, CatalogServiceV2].map((service) => ({ service, address, server: "" })),
  tokens: { verify: async () => undefined },
});
await edge.start();
process.send?.(new URL(edge.url).port);
process.on("message", () => {
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ residentMb: Math.round(rss / 2 ** 20), heapMb: Math.round(heapUsed / 2 ** 20) });
});
