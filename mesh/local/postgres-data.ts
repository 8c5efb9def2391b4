import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { commandOf, endProcess, isRunning } from "./other-process.ts";
import { canReach, publicFolder, type User } from "./postgres-user.ts";

/**
 * Returns the folder of the cluster below `home`, without symbolic links; undefined when there is none yet.
 * Throws a StartError for data of another version or another owner, and for what is no cluster.
 */
export function findData(home: string, major: string): string | undefined {
  const path = join(home, "data");
  if (!existsSync(path)) return undefined;
  const folder = realpathSync(path);
  if (readdirSync(folder).length === 0) return undefined;
  requireOwn(folder);
  requireVersion(folder, path, major);
  return folder;
}

/** A folder in which a new cluster is made. */
export interface DataDraft {
  folder: string;
  /** Puts the finished cluster in its place, and returns that: a half-made one never lies there. */
  keep(): string;
}

/**
 * Makes an empty folder for a new cluster. Where the user that runs Postgres cannot enter `home` (root's closed one),
 * the cluster will lie in a folder that he can enter, with a symbolic link in `home`.
 */
export function draftData(home: string, user: User | undefined): DataDraft {
  const path = join(home, "data");
  rmSync(path, { recursive: true, force: true });
  const elsewhere = !canReach(home, user);
  const target = elsewhere ? placeElsewhere(path) : join(realpathSync(home), "data");
  const folder = `${target}.new`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  if (user) chownSync(folder, user.uid, user.gid);
  return {
    folder,
    keep() {
      renameSync(folder, target);
      if (elsewhere) symlinkSync(target, path);
      return target;
    },
  };
}

/** Deletes the cluster below `home`, also one that lies elsewhere; a server left running on it is taken down first. */
export async function deletePostgresData(home: string): Promise<void> {
  const path = join(home, "data");
  if (existsSync(path)) {
    const folder = realpathSync(path);
    await clearLeftovers(folder);
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}.origin`, { force: true });
  }
  rmSync(home, { recursive: true, force: true });
}

function placeElsewhere(path: string): string {
  const shelf = publicFolder();
  deleteForgotten(shelf);
  const folder = mkdtempSync(join(shelf, "data-"));
  writeFileSync(`${folder}.origin`, `${path}\n${process.pid}`);
  rmSync(folder, { recursive: true });
  return folder;
}

/**
 * Deletes clusters whose link has been deleted: nothing can find them any more. One that is just being made has no link
 * yet, so whoever makes it must be gone as well.
 */
function deleteForgotten(shelf: string): void {
  for (const name of readdirSync(shelf).filter((entry) => entry.endsWith(".origin"))) {
    const [origin = "", maker = ""] = readIfThere(join(shelf, name)).split("\n");
    const folder = join(shelf, name.slice(0, -".origin".length));
    if (existsSync(origin) && realpathSync(origin) === folder) continue;
    if (Number(maker) > 0 && isRunning(Number(maker))) continue;
    const pid = postmasterPid(folder);
    if (pid !== undefined && isRunning(pid)) continue;
    for (const leftover of [folder, `${folder}.new`, `${folder}.origin`]) {
      // Another start may be deleting the same.
      rmSync(leftover, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

function requireOwn(folder: string): void {
  const me = process.getuid?.();
  const owner = statSync(folder).uid;
  if (me === undefined || me === 0 || owner === me) return;
  throw new StartError(`The data in ${folder} belongs to user id ${owner}. Start as that user, or delete the folder.`);
}

function requireVersion(folder: string, shown: string, major: string): void {
  const file = join(folder, "PG_VERSION");
  if (!existsSync(file)) throw brokenData(shown, "it holds no Postgres data");
  const found = readFileSync(file, "utf8").trim();
  if (found !== major) throw brokenData(shown, `it was written by Postgres ${found}, and this is ${major}`);
}

/** The fault of data that Postgres cannot use. */
export function brokenData(folder: string, why: string): StartError {
  return new StartError(
    `Postgres cannot use its data folder ${folder}: ${why}.
Delete the folder, or begin anew with: npm start -- --fresh`,
  );
}

/**
 * Takes down a Postgres that a killed predecessor left running on this folder, and removes a pid file that another
 * process has inherited the number of. Throws a StartError when it cannot be taken down.
 */
export async function clearLeftovers(folder: string): Promise<void> {
  const pid = postmasterPid(folder);
  if (pid === undefined) return;
  if (!isRunning(pid)) return;
  if (!isPostgresOn(folder, pid)) {
    rmSync(join(folder, "postmaster.pid"), { force: true });
    return;
  }
  const gone = await endProcess(pid, [
    ["SIGINT", 10_000],
    ["SIGQUIT", 5_000],
    ["SIGKILL", 2_000],
  ]);
  if (!gone) throw new StartError(`A Postgres of an earlier start (process ${pid}) does not stop. Run: kill -9 ${pid}`);
}

function postmasterPid(folder: string): number | undefined {
  const file = join(folder, "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

function isPostgresOn(folder: string, pid: number): boolean {
  const command = commandOf(pid) ?? "";
  return command.includes("postgres") && command.includes(folder);
}
