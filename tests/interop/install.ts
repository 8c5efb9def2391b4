import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "#mesh/process";

const exec = promisify(execFile);

/** Folder that keeps what is installed from one run to the next; git ignores it. */
const cache = join(import.meta.dirname, "../../.data/interop");

/**
 * Installs something into a folder of its own, unless that has been done before, and returns the folder. `version` tells
 * one installation from the next. Throws a StartError with the name of what cannot be had.
 */
export async function installOnce(
  name: string,
  version: string,
  install: (folder: string) => Promise<unknown>,
): Promise<string> {
  const folder = join(cache, `${name}-${version}`);
  const done = join(folder, "installed");
  if (existsSync(done)) return folder;
  mkdirSync(folder, { recursive: true });
  try {
    await install(folder);
  } catch (error) {
    throw new StartError(`${name} cannot be installed: ${error instanceof Error ? error.message : error}`);
  }
  writeFileSync(done, "");
  return folder;
}

/** Installs grpcio into an environment of its own, and returns its Python. Throws a StartError where it cannot be had. */
export async function installGrpcio(): Promise<string> {
  const requirements = join(import.meta.dirname, "servers/requirements.txt");
  const folder = await installOnce("grpcio", hashOf(requirements), async (folder) => {
    await exec("python3", ["-m", "venv", folder]);
    const pip = ["-m", "pip", "install", "--quiet", "--requirement", requirements];
    await exec(join(folder, "bin", "python"), pip, { timeout: 600_000 });
  });
  return join(folder, "bin", "python");
}

/** Tells files of one content from those of another. */
export function hashOf(...files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}
