// `npm run test:conformance`: the mesh's client against Connect's conformance suite, gRPC over HTTP/2. It needs Go, and
// builds the suite the first time. Arguments go to the suite, such as `-- --run "Timeouts/**"` or `-- -v`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { installSuite } from "./install.ts";

const here = (name: string) => join(import.meta.dirname, name);

try {
  const { program, image } = await installSuite();
  const settings = ["--conf", here("config.yaml"), "--known-failing", `@${here("known-failing.txt")}`];
  const client = [process.execPath, here("client.ts"), image];
  const args = ["--mode", "client", ...settings, ...process.argv.slice(2), "--", ...client];
  process.exitCode = spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(error.message);
  // Not the code of failed tests: these have not run.
  process.exitCode = 3;
}
