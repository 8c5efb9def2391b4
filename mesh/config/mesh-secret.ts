import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigurationError } from "./read-environment.ts";

/**
 * Reads the secret with which services prove to each other who they are from <folder>/mesh-secret.
 * Creates it first when there is none: 32 random bytes, readable by the owner only. Several processes may do so at once.
 */
export function readMeshSecret(folder: string): string {
  const path = resolve(folder, "mesh-secret");
  try {
    return existing(path) ?? create(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([
      `HEDDLE_MESH_SECRET is not set, and ${path} can neither be read nor written: ${why}`,
    ]);
  }
}

function existing(path: string): string | undefined {
  try {
    const secret = readFileSync(path, "utf8").trim();
    if (secret.length < 32) throw new Error("it is too short to be a secret; delete it");
    return secret;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes beside and links: whoever comes second finds the first one's secret, and nobody ever reads half of it. */
function create(path: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const secret = existing(path);
  if (secret === undefined) throw new Error("it vanished while it was made");
  return secret;
}
