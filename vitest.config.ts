import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["mesh", "services", "gateway", "tests", "scripts"].map((folder) => `${folder}/**/*.test.ts`),
    globalSetup: ["tests/setup/servers.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
