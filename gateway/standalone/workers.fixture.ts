import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { freePort } from "#mesh/testing";
import { temporaryFolder } from "./standalone.fixture.ts";
import { startUsersServer, type UsersServerOptions } from "./users-server.fixture.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** What a test may replace. */
export interface WorkersOptions extends UsersServerOptions {
  /** Default: a free one. */
  readonly gatewayPort?: number;
}

/** Starts a gateway of two workers, as real processes, in front of a plain server. */
export async function startWorkers(image: Uint8Array, options: WorkersOptions = {}) {
  const files = temporaryFolder();
  const server = await startUsersServer(options);
  const [port, metricsPort] = [options.gatewayPort ?? (await freePort()), await freePort()];
  const path = files.write("image.binpb", image);
  const args = [main, "--descriptors", path, "--upstream", server.address, "--port", String(port)];
  const more = ["--metrics-port", String(metricsPort), "--workers", "2"];
  const child = spawn(process.execPath, [...args, ...more], { env: {}, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const ended = once(child, "close").then(([code]) => code);
  /** The lines of the log that have a message. */
  const logged = (message: string) =>
    output
      .split("\n")
      .flatMap((line): Record<string, unknown>[] =>
        line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line)] : [],
      )
      .filter(({ msg }) => msg === message);
  const until = (message: string, times: number) =>
    expect.poll(() => logged(message).length).toBeGreaterThanOrEqual(times);
  const started = expect.poll(() => logged("all workers have started").length, { timeout: 60_000 }).toBe(1);
  await Promise.race([started, ended]);
  return {
    url: `http://127.0.0.1:${port}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
    files,
    logged,
    until,
    output: () => output,
    /** Process ids of the workers that have listened, by the number of the worker. */
    pids: () => new Map(logged("listening").map(({ worker, pid }) => [Number(worker), Number(pid)])),
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
      server[Symbol.dispose]();
      files[Symbol.dispose]();
    },
  };
}
