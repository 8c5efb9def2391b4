import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["mesh", "services", "gateway", "tests", "scripts"].map((folder) => `${folder}/**/*.test.ts`),
    // They need a newer nats-server than Debian's: npm run test:brokers.
    exclude: ["tests/brokers/**"],
    globalSetup: ["tests/setup/servers.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
