// `npm run test:interop`: the gateway in front of gRPC servers in other languages, with nothing but their descriptors, and
// in front of the shop for clients that are not ours. Installs grpcio where there is Python, and builds a server and
// grpcurl where there is Go; further arguments go to vitest. Ends with 3 when one of them could not be had, which it names.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { installCurl, installGrpcurl } from "./clients/install.ts";
import { installGrpcio } from "./install.ts";
import { installGo, installPython } from "./servers/install.ts";

const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const config = join(import.meta.dirname, "vitest.config.ts");

/** What each file of tests needs. */
const needs: Record<string, () => Promise<unknown>> = {
  "servers/python": installPython,
  "servers/go": installGo,
  "clients/grpcio": installGrpcio,
  "clients/grpcurl": installGrpcurl,
  "clients/curl": installCurl,
  // npm has installed it.
  "clients/buf": async () => {},
};

let missing = 0;
const files: string[] = [];
for (const [name, install] of Object.entries(needs)) {
  try {
    await install();
    files.push(`tests/interop/${name}.test.ts`);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(`NOT RUN: ${name}: ${error.message}`);
    missing++;
  }
}
const args = [vitest, "run", "--config", config, ...files, ...process.argv.slice(2)];
const [code] = await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit");
// 3 is not the code of failed tests: some have not run.
process.exitCode = code === 0 && missing > 0 ? 3 : (code ?? 1);
