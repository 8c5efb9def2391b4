// Runs once before all tests: one Postgres for all of them, and the installation of nats-server where it is missing.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { claimFolder, deleteNatsData, deletePostgresData, findNatsServer, localPostgres } from "#mesh/local";
import "#mesh/testing";

const prefix = "heddle-tests-";

/** Called by vitest; the returned function is called after the last test. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  await findNatsServer((line) => console.log(line));
  const given = process.env.POSTGRES_URL;
  if (given) {
    project.provide("postgresUrl", given);
    return undefined;
  }
  await deleteForgotten();
  const folder = mkdtempSync(join(tmpdir(), prefix));
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

/** Takes down and deletes what runs that were killed have left behind. */
async function deleteForgotten(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const folder = join(tmpdir(), name);
    const isPostgres = name.startsWith(prefix);
    // Without an owner it is empty, or a run is just about to use it.
    if (!(isPostgres || name.startsWith("heddle-nats-")) || !existsSync(join(folder, "owner"))) continue;
    try {
      claimFolder(folder);
    } catch {
      // Another run is using it, or another user's run has left it.
      continue;
    }
    await (isPostgres ? deletePostgresData(folder) : deleteNatsData(folder));
  }
}
