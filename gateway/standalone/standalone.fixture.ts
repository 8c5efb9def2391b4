import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#mesh/telemetry";
import { readConfig } from "./read-config.ts";
import { standalone } from "./standalone.ts";

/** A folder for images and configurations. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), "gateway-standalone-"));
  return {
    folder,
    write(name: string, content: string | Uint8Array): string {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** Starts a gateway on a free port, set up as in a configuration file. `values` is asked for at each reload. */
export async function startStandalone(values: () => object, { watchEveryMs = 20 } = {}) {
  const lines: Record<string, unknown>[] = [];
  const gateway = standalone({
    readConfig: () => readConfig({ listen: { port: 0 }, ...values() }, { origin: "the test", folder: tmpdir() }),
    log: createLogger({
      name: "gateway",
      level: "debug",
      destination: { write: (line) => lines.push(JSON.parse(line)) },
    }),
    watchEveryMs,
  });
  await gateway.start();
  return {
    gateway,
    url: gateway.url,
    /** What was logged with a message. */
    logged: (message: string) => lines.filter(({ msg }) => msg === message),
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}
