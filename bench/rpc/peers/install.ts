/**
 * Installs what the mesh is measured against into a folder of its own, which git ignores: none of it is a dependency of
 * the project. `node bench/rpc/peers/install.ts` does it ahead; it needs the network once.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = fileURLToPath(new URL("../../../.data/bench-peers/", import.meta.url));

/** Exact, so that figures of two days are about the same code; grpc-js is the version that the mesh has. */
const dependencies = {
  "@grpc/grpc-js": "1.14.7",
  "@grpc/proto-loader": "0.8.1",
  "@nestjs/common": "12.5.1",
  "@nestjs/core": "12.5.1",
  "@nestjs/microservices": "12.1.1",
  moleculer: "0.15.2",
  "reflect-metadata": "0.2.2",
  rxjs: "7.8.2",
};

/** Installs the peers unless they are there, and returns their folder. Throws when npm fails. */
export function installPeers(): string {
  const manifest = `${JSON.stringify({ private: true, dependencies }, undefined, 2)}\n`;
  const installed = join(folder, "installed.json");
  if (textOf(installed) === manifest) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), manifest);
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["install", ...options], { cwd: folder, stdio: "inherit" });
  writeFileSync(installed, manifest);
  return folder;
}

/** Loads a package of the peers. Its types are not there: the caller says what it uses of it. */
export async function loadPeer<T>(peers: string, name: string): Promise<T> {
  const path = createRequire(join(peers, "package.json")).resolve(name);
  return import(pathToFileURL(path).href);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Nothing is installed yet.
    return undefined;
  }
}

if (import.meta.main) console.log(installPeers());
