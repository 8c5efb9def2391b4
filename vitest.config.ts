import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["mesh", "services", "gateway", "tests", "scripts"].map((folder) => `${folder}/**/*.test.ts`),
    exclude: [
      // They need a newer nats-server than Debian's: npm run test:brokers.
      "tests/brokers/**",
      // They need clients and servers of other languages: npm run test:interop.
      "tests/interop/**",
      // They need a browser: npm run test:browser.
      "tests/browser/**",
      // They wait for leases and timeouts to pass, or make networks: npm run test:chaos.
      ...["fault-points", "servers", "replicas", "half-open"].map((name) => `tests/chaos/${name}.test.ts`),
    ],
    globalSetup: ["tests/setup/servers.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Long enough for two slow cores: they only end what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
