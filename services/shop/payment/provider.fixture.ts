import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { eventually, freePort, testDatabases } from "#mesh/testing";

/** The built-in test provider in a process of its own, as in production: it is reached by HTTP only. */
export interface RunningProvider extends AsyncDisposable {
  readonly url: string;
  /** What the provider says about a reference; "NONE" for an unknown one. */
  statusOf(reference: string): Promise<string>;
  /** Kills the process without warning and starts it again with the same data. */
  killAndRestart(): Promise<void>;
}

const main = fileURLToPath(new URL("../payment-provider/main.ts", import.meta.url));
const authorization = z.object({ status: z.string() });

/**
 * Starts the provider. Use with `await using`, or dispose in afterAll.
 * @param slowAnswerMs how long `pm_card_slow` takes, in milliseconds
 */
export async function runProvider(slowAnswerMs = 3_000): Promise<RunningProvider> {
  const databases = testDatabases();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    POSTGRES_URL: databases.postgresUrl,
    HEDDLE_DATABASE_PREFIX: databases.prefix,
    HEDDLE_MESH_SECRET: "a secret that the provider does not need",
    LOG_LEVEL: "silent",
    PAYMENT_PROVIDER_PORT: String(port),
    PAYMENT_PROVIDER_SLOW_MS: String(slowAnswerMs),
  };
  const start = async () => {
    const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "inherit"] });
    await eventually(async () => expectOk(await fetch(`${url}/healthz`)), { timeoutMs: 20_000 });
    return child;
  };
  let child = await start();

  async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  return {
    url,
    async statusOf(reference) {
      const response = await fetch(`${url}/v1/authorizations/${reference}`);
      return response.status === 404 ? "NONE" : authorization.parse(await response.json()).status;
    },
    async killAndRestart() {
      await end("SIGKILL");
      child = await start();
    },
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      await databases[Symbol.asyncDispose]();
    },
  };
}

function expectOk(response: Response): void {
  if (!response.ok) throw new Error(`the provider answered ${response.status}`);
}
