import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "#mesh/process";

const exec = promisify(execFile);

/** The newest version that builds; it brings its contracts along. */
const VERSION = "v1.0.6";
const MODULE = "connectrpc.com/conformance";
/** Folder that keeps the suite from one run to the next; git ignores it. */
const folder = join(import.meta.dirname, "../../.data/conformance", VERSION);

/** The program of the suite, and the image of its contracts. */
export interface InstalledSuite {
  readonly program: string;
  readonly image: string;
}

/** Builds the suite where it is missing. Throws a StartError where that cannot be done, such as without Go. */
export async function installSuite(): Promise<InstalledSuite> {
  const suite = { program: join(folder, "connectconformance"), image: join(folder, "contracts.binpb") };
  if (existsSync(suite.program) && existsSync(suite.image)) return suite;
  mkdirSync(folder, { recursive: true });
  try {
    const env = { ...process.env, GOBIN: folder };
    await exec("go", ["install", `${MODULE}/cmd/connectconformance@${VERSION}`], { env, timeout: 600_000 });
    const { stdout } = await exec("go", ["mod", "download", "-json", `${MODULE}@${VERSION}`]);
    await exec("buf", ["build", join(JSON.parse(stdout).Dir, "proto"), "--output", suite.image]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`${MODULE} ${VERSION} is missing in ${folder}, and cannot be built with Go: ${why}`);
  }
  return suite;
}
