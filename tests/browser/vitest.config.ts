// The tests that need a browser; `npm run test:browser` finds one for them.
import { defineConfig } from "vitest/config";
import root from "../../vitest.config.ts";

export default defineConfig({ ...root, test: { ...root.test, include: ["tests/browser/**/*.test.ts"], exclude: [] } });
