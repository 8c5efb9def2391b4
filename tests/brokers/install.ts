import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { StartError } from "#mesh/process";

const exec = promisify(execFile);

/** Folder that keeps the servers from one run to the next; git ignores it. */
const cache = join(import.meta.dirname, "../../.data/brokers");

/**
 * Returns the folder that holds nats-server of a version such as "2.12.1". Builds it where it is missing, which takes
 * about a minute the first time. Throws a StartError where Go, which that needs, is missing.
 */
export async function installNatsServer(version: string): Promise<string> {
  const folder = join(cache, version);
  if (existsSync(join(folder, "nats-server"))) return folder;
  await requireGo(version);
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, GOFLAGS: "-trimpath" };
  await exec("go", ["install", `github.com/nats-io/nats-server/v2@v${version}`], { env, timeout: 600_000 });
  return folder;
}

async function requireGo(version: string): Promise<void> {
  await exec("go", ["version"]).catch(() => {
    throw new StartError(
      `nats-server ${version} is missing in ${cache}, and so is Go, with which it would be built.
Install Go (https://go.dev/doc/install), or put the program there as ${join(cache, version, "nats-server")}.`,
    );
  });
}
