import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import type { Http } from "./http.ts";
import { httpClient } from "./http.ts";
import type { ProviderTotals } from "./invariants.ts";
import { shopPorts } from "./ports.ts";

/** What `npm start` runs on the pinned Node: options of Node and the file. */
const program = manifest.scripts.start.split(" ").slice(2);

/** A shop that was started as a user does, in a process of its own. */
export interface StartedShop {
  readonly http: Http;
  readonly processId: number;
  /** What the test payment provider knows. */
  provider(): Promise<ProviderTotals>;
  /** kill -9. */
  kill(): void;
  /** Waits until the process is gone. */
  killed(): Promise<void>;
  /** Everything that it printed. */
  output(): string;
  /** Whether the process is gone and all that it printed has come. */
  closed(): boolean;
  /** Sends a signal, waits for the end and returns the exit code. */
  stop(signal: "SIGTERM" | "SIGINT"): Promise<number | null>;
}

/** A data folder in which shops are started one after another. Disposing stops the last one and removes the folder. */
export interface ShopFolder extends AsyncDisposable {
  readonly path: string;
  readonly environment: Record<string, string>;
  /** Runs `npm start`'s program and waits until the gateway is ready. Throws with its output when it ends instead. */
  start(args?: string[]): Promise<StartedShop>;
}

/** Makes a folder and chooses free ports; `variables` are added to the environment of every start. */
export async function shopFolder(variables: Record<string, string> = {}): Promise<ShopFolder> {
  const path = await mkdtemp(join(tmpdir(), "heddle-shop-"));
  const environment: Record<string, string> = {
    ...(await shopPorts()),
    HEDDLE_DATA: join(path, "data"),
    LOG_LEVEL: "warn",
    // Load is more than a person makes.
    GATEWAY_RATE_LIMIT_FACTOR: "0",
    ...variables,
  };
  let current: { child: ChildProcess; shop: StartedShop } | undefined;
  return {
    path,
    environment,
    async start(args = []) {
      const child = spawn(process.execPath, [...program, ...args], {
        env: { ...withoutServers(process.env), ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const shop = startedShop(child, environment);
      current = { child, shop };
      await ready(shop, `http://127.0.0.1:${environment.GATEWAY_PORT}`);
      return shop;
    },
    async [Symbol.asyncDispose]() {
      await current?.shop.stop("SIGTERM");
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** These shops bring their own servers along, whatever the tests themselves use. */
function withoutServers({ POSTGRES_URL: _postgres, NATS_URL: _nats, ...rest }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return rest;
}

function startedShop(child: ChildProcess, environment: Record<string, string>): StartedShop {
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, "exit");
  let closed = false;
  child.on("close", () => {
    closed = true;
  });
  return {
    http: httpClient(`http://127.0.0.1:${environment.GATEWAY_PORT}`),
    processId: child.pid ?? 0,
    provider: async () => {
      const response = await fetch(`http://127.0.0.1:${environment.PAYMENT_PROVIDER_PORT}/v1/authorizations`);
      return (await response.json()) as ProviderTotals;
    },
    kill: () => void child.kill("SIGKILL"),
    async killed() {
      await exited;
    },
    output: () => output,
    closed: () => closed,
    async stop(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

async function ready({ closed, output }: StartedShop, url: string): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    if (closed()) throw new Error(`the shop ended instead of starting:\n${output()}`);
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the shop did not get ready in two minutes:\n${output()}`);
}
