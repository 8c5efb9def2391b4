import { defineConfig } from "vitest/config";
import root from "../../vitest.config.ts";

// They need clients and servers of other languages, which `npm run test:interop` installs.
export default defineConfig({ ...root, test: { ...root.test, exclude: [] } });
