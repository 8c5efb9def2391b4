// All tests of the root's configuration, and those that need a newer nats-server than Debian's.
import { defineConfig } from "vitest/config";
import root from "../../vitest.config.ts";

export default defineConfig({ ...root, test: { ...root.test, exclude: [] } });
