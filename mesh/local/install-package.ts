import { execFile } from "node:child_process";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** What tells whether a package has been installed, and who hears of it. */
export interface InstallOptions<Found> {
  /** Hears what takes long. */
  say(line: string): void;
  /** Looks for what the package holds. */
  installed(): Promise<Found | undefined>;
}

/**
 * Installs a package with the system's package manager (apt or brew) where that needs no password, and returns what
 * `installed` then finds; undefined where it cannot be had that way.
 */
export async function installPackage<Found>(
  name: string,
  { say, installed }: InstallOptions<Found>,
): Promise<Found | undefined> {
  for (const [program, ...args] of await installers(name)) {
    say(`installing ${name} (${[program, ...args].join(" ")})`);
    if (program && (await succeeds(program, args))) {
      const found = await installed();
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The commands that may install it here without asking anybody. */
async function installers(name: string): Promise<string[][]> {
  if (process.platform === "darwin") return [["brew", "install", name]];
  if (!(await succeeds("apt-get", ["--version"]))) return [];
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !(await succeeds("sudo", ["-n", "true"]))) return [];
  const sudo = isRoot ? [] : ["sudo", "-n"];
  const apt = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"];
  const package_ = [...apt, "install", "-y", "--no-install-recommends", name];
  return [package_, [...apt, "update"], package_];
}

/** Whether a program ends well within five minutes. */
export async function succeeds(program: string, args: string[]): Promise<boolean> {
  return exec(program, args, { timeout: 300_000 }).then(
    () => true,
    // Not there, or it failed: there are other ways.
    () => false,
  );
}
