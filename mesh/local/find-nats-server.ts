import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { StartError } from "#mesh/process";
import { installPackage, succeeds } from "./install-package.ts";

const exec = promisify(execFile);

/** How nats-server can be run on this machine. */
export type NatsServerProgram =
  | { kind: "program"; path: string; version: NatsVersion }
  | { kind: "container"; version: NatsVersion };

/** Major and minor number. */
export type NatsVersion = readonly [major: number, minor: number];

/** The image where only a container engine is there. */
export const natsImage = "nats:2.12.1-alpine";

const places = ["nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server", "/opt/homebrew/bin/nats-server"];

const instructions = `The message broker nats-server (2.9.10 or newer) is missing. Install it with one of
  sudo apt-get install nats-server          (Debian, Ubuntu)
  brew install nats-server                  (macOS)
  docker run -d -p 4222:4222 ${natsImage} -js
and for the last one, or any other server, start with NATS_URL=nats://127.0.0.1:4222`;

/**
 * Finds nats-server on PATH; else installs it with the system's package manager where that needs no password; else
 * settles for a container engine. `say` hears what takes long.
 * Throws a StartError with the commands to run when there is no way.
 */
export async function findNatsServer(say: (line: string) => void = () => {}): Promise<NatsServerProgram> {
  const found = (await installed()) ?? (await installPackage("nats-server", { say, installed }));
  if (found) return found;
  if (await succeeds("docker", ["info"])) return { kind: "container", version: [2, 12] };
  throw new StartError(instructions);
}

async function installed(): Promise<NatsServerProgram | undefined> {
  for (const path of places) {
    const version = await exec(path, ["--version"]).then(
      ({ stdout }) => parseVersion(stdout),
      // Not there, or not for this machine: the next place.
      () => undefined,
    );
    if (version) return { kind: "program", path, version: requireVersion(version, path) };
  }
  return undefined;
}

/** Reads "nats-server: v2.9.10". */
function parseVersion(text: string): readonly number[] | undefined {
  return /v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number);
}

function requireVersion([major = 0, minor = 0, patch = 0]: readonly number[], path: string): NatsVersion {
  const old = major < 2 || (major === 2 && (minor < 9 || (minor === 9 && patch < 10)));
  if (old)
    throw new StartError(`${path} is version ${major}.${minor}.${patch}. Heddle needs nats-server 2.9.10 or newer.`);
  return [major, minor];
}
