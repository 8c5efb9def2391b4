// Runs once before all tests: one Postgres for all of them, and the installation of nats-server where it is missing.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findNatsServer, localPostgres } from "#mesh/local";
import "#mesh/testing";

/** Called by vitest; the returned function is called after the last test. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  await findNatsServer((line) => console.log(line));
  const given = process.env.POSTGRES_URL;
  if (given) {
    project.provide("postgresUrl", given);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "heddle-tests-"));
  // Where root runs the tests, Postgres runs as another user, who has to reach its data.
  chmodSync(folder, 0o755);
  const server = localPostgres({ folder, durable: false });
  await server.start();
  project.provide("postgresUrl", server.url);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
