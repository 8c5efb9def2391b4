import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "#mesh/process";
import { birthOf, isRunning } from "./other-process.ts";

/**
 * Makes this process the only one that uses a folder, which is created when missing, until the returned function is
 * called or the process ends. A dead owner's claim is taken over.
 * Throws a StartError that names the process when a living one holds the folder.
 */
export function claimFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "owner");
  const claim = `${process.pid} ${birthOf(process.pid) ?? ""}`;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (writeNew(path, claim)) return () => release(path, claim);
    const owner = readIfThere(path);
    if (owner && isAlive(owner)) throw inUse(folder, owner);
    if (owner !== undefined) rmSync(path, { force: true });
  }
  throw new StartError(`${folder} is in use: several processes want it at once. Try again.`);
}

function inUse(folder: string, owner: string): StartError {
  const pid = Number.parseInt(owner, 10);
  const who = pid === process.pid ? "this process" : `process ${pid}`;
  return new StartError(`${folder} is in use by ${who}. Stop it first (kill ${pid}), or use another folder.`);
}

/** Returns false when the file exists. Nobody ever reads half of it. */
function writeNew(path: string, text: string): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(owner: string): boolean {
  const [pid = "", ...birth] = owner.split(" ");
  const id = Number.parseInt(pid, 10);
  return Number.isInteger(id) && isRunning(id) && (birthOf(id) ?? "") === birth.join(" ");
}

function release(path: string, claim: string): void {
  if (readIfThere(path) === claim) rmSync(path, { force: true });
}
