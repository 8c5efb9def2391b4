// `npm run test:browser`: what people do with a browser, in a real Chromium without a window. Further arguments go to
// vitest. Ends with 3 where no Chromium can be had.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { findChromium } from "./find-chromium.ts";

const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const config = join(import.meta.dirname, "vitest.config.ts");

try {
  const env = { ...process.env, CHROMIUM_PATH: await findChromium((line) => console.log(line)) };
  const args = [vitest, "run", "--config", config, ...process.argv.slice(2)];
  const [code] = await once(spawn(process.execPath, args, { env, stdio: "inherit" }), "exit");
  process.exitCode = typeof code === "number" ? code : 1;
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  // Not the code of failed tests: these have not run.
  process.exitCode = 3;
}
