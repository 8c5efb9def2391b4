// The tests that hurt the shop's processes and servers, those included that npm test leaves out because they take long.
import { defineConfig } from "vitest/config";
import root from "../../vitest.config.ts";

export default defineConfig({ ...root, test: { ...root.test, include: ["tests/chaos/**/*.test.ts"], exclude: [] } });
