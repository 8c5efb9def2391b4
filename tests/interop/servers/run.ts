// `npm run test:interop`: the gateway in front of gRPC servers in other languages, with nothing but their descriptors.
// Installs grpcio where there is Python, and builds a server where there is Go; further arguments go to vitest. Ends with
// 3 when one of them could not be had, which it names.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { installGo, installPython } from "./install.ts";

const vitest = join(import.meta.dirname, "../../../node_modules/vitest/vitest.mjs");
const config = join(import.meta.dirname, "vitest.config.ts");

const languages = { python: installPython, go: installGo };

let missing = 0;
const files: string[] = [];
for (const [language, install] of Object.entries(languages)) {
  try {
    await install();
    files.push(`tests/interop/servers/${language}.test.ts`);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`NOT RUN: ${language}: ${error.message}`);
    missing++;
  }
}
const args = [vitest, "run", "--config", config, ...files, ...process.argv.slice(2)];
const code = files.length > 0 ? (await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit"))[0] : 0;
// 3 is not the code of failed tests: some have not run.
process.exitCode = code === 0 && missing > 0 ? 3 : code;
