// `npm run test:conformance`: the mesh's client and server and the gateway against Connect's conformance suite. It needs
// Go, and builds the suite the first time. A first argument that names one of them runs it alone; `--reports <folder>`
// writes what came of each there; the rest goes to the suite, such as `-- server --run "Timeouts/**"` or `-- -v`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { type InstalledSuite, installSuite } from "./install.ts";

/** What is put to the test, and as what. The files beside this one are named for it. */
const modes: Readonly<Record<string, "client" | "server">> = {
  client: "client",
  server: "server",
  gateway: "server",
};

interface Arguments {
  readonly names: readonly string[];
  /** Folder for reports. */
  readonly reports: string | undefined;
  /** For the suite. */
  readonly rest: readonly string[];
}

function readArguments(args: readonly string[]): Arguments {
  const at = args.indexOf("--reports");
  const own = at < 0 ? args : args.toSpliced(at, 2);
  const [first = "", ...rest] = own;
  const names = first in modes ? [first] : Object.keys(modes);
  return { names, reports: at < 0 ? undefined : args[at + 1], rest: first in modes ? rest : own };
}

/** Returns the suite's exit code. */
async function run(name: string, { program, image }: InstalledSuite, { reports, rest }: Arguments): Promise<number> {
  const here = (file: string) => join(import.meta.dirname, file);
  const listed = (kind: string) => {
    const file = here(`${name}.known-${kind}.txt`);
    return existsSync(file) ? [`--known-${kind}`, `@${file}`] : [];
  };
  const settings = ["--conf", here(`${name}.yaml`), ...listed("failing"), ...listed("flaky")];
  const tested = [process.execPath, here(`${name}.ts`), image];
  const args = ["--mode", modes[name] ?? "", ...settings, ...rest, "--", ...tested];
  console.log(`${name}:`);
  const suite = spawn(program, args, { stdio: ["inherit", "pipe", "inherit"] });
  let output = "";
  suite.stdout.on("data", (chunk: Buffer) => (output += chunk));
  suite.stdout.pipe(process.stdout, { end: false });
  const [code] = await once(suite, "close");
  if (reports !== undefined) report(join(reports, `conformance-${name}.json`), output);
  return typeof code === "number" ? code : 1;
}

/** Writes the totals as vitest's reporter does. */
function report(file: string, output: string): void {
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed/m.exec(output) ?? [];
  const totals = { numPassedTests: Number(passed), numFailedTests: Number(failed), testResults: [] };
  writeFileSync(file, JSON.stringify(totals));
}

try {
  const suite = await installSuite();
  const given = readArguments(process.argv.slice(2));
  for (const name of given.names) {
    if ((await run(name, suite, given)) !== 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  // Not the code of failed tests: these have not run.
  process.exitCode = 3;
}
