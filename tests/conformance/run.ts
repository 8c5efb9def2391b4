/**
 * `npm run test:conformance`: the mesh's client against Connect's conformance suite, gRPC over HTTP/2. It needs Go, and
 * installs the suite below .cache by itself. Arguments go to the suite, such as `-- --run "Timeouts/**"` or `-- -v`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const VERSION = "v1.0.6";
const MODULE = "connectrpc.com/conformance";
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = here(`../../.cache/conformance-${VERSION}`);
const program = `${folder}/connectconformance`;
const image = `${folder}/contracts.binpb`;

function install(): void {
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder };
  execFileSync("go", ["install", `${MODULE}/cmd/connectconformance@${VERSION}`], { env, stdio: "inherit" });
  const { Dir } = JSON.parse(
    execFileSync("go", ["mod", "download", "-json", `${MODULE}@${VERSION}`], { encoding: "utf8" }),
  );
  execFileSync("buf", ["build", `${Dir}/proto`, "--output", image], { stdio: "inherit" });
}

if (!existsSync(program) || !existsSync(image)) install();
const settings = ["--conf", here("config.yaml"), "--known-failing", `@${here("known-failing.txt")}`];
const client = [process.execPath, here("client.ts"), image];
const args = ["--mode", "client", ...settings, ...process.argv.slice(2), "--", ...client];
process.exitCode = spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
