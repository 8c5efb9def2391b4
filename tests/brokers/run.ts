// `npm run test:brokers`: the event path against newer nats-servers than the one that `npm test` finds, and against a
// cluster of three. `-- --reports <folder>` also writes vitest's JSON report of each version there. Needs Go where the
// servers are not built yet (see install.ts).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { StartError } from "#mesh/process";
import { installNatsServer } from "./install.ts";

/** What of the tests depends on the broker, and which versions of it to try. */
const plan = [
  {
    version: "2.11.10",
    files: [
      "mesh/events/nats",
      "mesh/events/consumers",
      "mesh/events/handover",
      "tests/e2e/checkout",
      "tests/e2e/crash",
    ],
  },
  {
    version: "2.12.1",
    files: [
      ...["tests/brokers/cluster", "mesh/events/nats", "mesh/events/consumers", "mesh/events/handover"],
      ...["mesh/events/relay", "mesh/events/repair", "tests/e2e/checkout"],
    ],
  },
];

const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const config = join(import.meta.dirname, "vitest.config.ts");

/** Runs tests on the nats-server of a folder and returns vitest's exit code. */
async function runTests(folder: string, args: readonly string[]): Promise<number> {
  // Every test starts the first nats-server on PATH.
  const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) };
  const child = spawn(process.execPath, [vitest, "run", "--config", config, ...args], { env, stdio: "inherit" });
  const [code] = await once(child, "exit");
  return typeof code === "number" ? code : 1;
}

function reportTo(folder: string | undefined, version: string): string[] {
  if (!folder) return [];
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${join(folder, `nats-${version}.json`)}`];
}

const { reports } = parseArgs({ options: { reports: { type: "string" } } }).values;
try {
  for (const { version, files } of plan) {
    console.log(`nats-server ${version}`);
    const folder = await installNatsServer(version);
    const code = await runTests(folder, [...files, ...reportTo(reports, version)]);
    if (code !== 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  // Not the code of failed tests: these have not run.
  process.exitCode = 3;
}
