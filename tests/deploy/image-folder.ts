import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

interface LockEntry {
  dev?: boolean;
  optional?: boolean;
  devOptional?: boolean;
}

/** A folder with what the Dockerfile puts into the image: its files, and only the packages of production. */
export function imageFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "heddle-image-"));
  for (const line of readFileSync("deploy/Dockerfile", "utf8").split("\n")) {
    const [instruction, ...words] = line.split(" ");
    const target = words.pop();
    if (instruction !== "COPY" || !target) continue;
    for (const source of words) copy(source, join(path, /[./]$/.test(target) ? join(target, fileOf(source)) : target));
  }
  linkProductionPackages(path);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function fileOf(source: string): string {
  return source.split("/").at(-1) ?? source;
}

/** Leaves out what .dockerignore leaves out. */
function copy(source: string, target: string): void {
  const ignored = (file: string) => /\.test\.ts$|\.md$|^mesh\/(testing|local)(\/|$)/.test(file);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true, filter: (file) => !ignored(file) });
}

function linkProductionPackages(path: string): void {
  const lock: { packages: Record<string, LockEntry> } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  for (const [place, { dev, optional, devOptional }] of Object.entries(lock.packages)) {
    const nested = place.indexOf("/node_modules/") > 0;
    if (place === "" || nested || dev || optional || devOptional) continue;
    mkdirSync(dirname(join(path, place)), { recursive: true });
    // A copy, because Node looks for a package's own imports from the real place of a link.
    cpSync(resolve(place), join(path, place), { recursive: true });
  }
}
