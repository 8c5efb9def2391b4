import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "#mesh/testing";
import { goMain, goModule, protoFiles, tools } from "./grpc-gateway-sources.ts";
import type { Processes, Server } from "./processes.ts";

const folder = resolve(".data/bench-grpc-gateway");
const program = join(folder, "gateway");

/**
 * Starts grpc-gateway on one processor, before the upstream, and returns it. Its tools, its code and what they
 * generate are fetched and made once, in .data; Go has to be on the machine, and the network then. Throws without Go.
 */
export async function startGrpcGateway(processes: Processes, upstream: string): Promise<Server> {
  if (!existsSync(program)) build();
  const port = await freePort();
  const { pid } = processes.run(program, [upstream, `127.0.0.1:${port}`], { ...process.env, GOMAXPROCS: "1" });
  await untilListening(port);
  return { port, pid };
}

function build(): void {
  const bin = join(folder, "bin");
  const env = { ...process.env, GOBIN: bin, GOFLAGS: "-mod=mod", PATH: `${bin}:${process.env.PATH}` };
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, env, stdio: "inherit" });
  mkdirSync(folder, { recursive: true });
  for (const tool of tools) run("go", "install", tool);
  for (const [path, text] of Object.entries({ ...protoFiles, "go.mod": goModule, "main.go": goMain })) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, "buf.yaml"), bufModules);
  writeFileSync(join(folder, "buf.gen.yaml"), bufPlugins);
  mkdirSync(join(folder, "third_party"), { recursive: true });
  execFileSync("cp", ["-r", resolve("third_party/googleapis"), join(folder, "third_party")]);
  run(resolve("node_modules/.bin/buf"), "generate", "proto");
  run("go", "mod", "tidy");
  run("go", "build", "-o", program, ".");
}

const bufModules = `version: v2
modules:
  - path: proto
  - path: third_party/googleapis
`;

const bufPlugins = `version: v2
plugins:
  - {local: protoc-gen-go, out: gen, opt: paths=source_relative}
  - {local: protoc-gen-go-grpc, out: gen, opt: paths=source_relative}
  - {local: protoc-gen-grpc-gateway, out: gen, opt: paths=source_relative}
`;

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, "127.0.0.1");
    const [outcome] = await Promise.race([
      once(socket, "connect").then(() => ["listening"]),
      once(socket, "error").then(() => ["not yet"]),
    ]).catch(() => ["not yet"]);
    socket.destroy();
    if (outcome === "listening") return;
    await sleep(100);
  }
  throw new Error("grpc-gateway does not listen");
}
