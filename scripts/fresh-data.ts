import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { deleteNatsData, deletePostgresData } from "#mesh/local";
import { StartError } from "#mesh/process";
import type { StartSettings } from "./start-environment.ts";

const ours = /^(postgres|nats|identity|mesh-secret|owner)(\.\d+)?$/;

/**
 * Deletes all data of the shop; servers that a killed predecessor left running on it are taken down first.
 * The caller has claimed the folder. Throws a StartError when something else lies in it, and when the data is on a
 * server that is not ours.
 */
export async function deleteLocalData(settings: StartSettings): Promise<void> {
  const { dataFolder, postgresUrl } = settings;
  if (postgresUrl) {
    throw new StartError(
      "--fresh deletes only data of the Postgres that npm start brings along. POSTGRES_URL is set: drop the databases there.",
    );
  }
  if (!existsSync(dataFolder)) return;
  const foreign = readdirSync(dataFolder).filter((entry) => !ours.test(entry));
  if (foreign.length > 0) {
    throw new StartError(
      `--fresh does not delete ${dataFolder}, for it holds what Heddle did not write: ${foreign.join(", ")}.
Move that away, or set HEDDLE_DATA to another folder.`,
    );
  }
  await deletePostgresData(join(dataFolder, "postgres"));
  await deleteNatsData(join(dataFolder, "nats"));
  for (const own of ["identity", "mesh-secret"]) rmSync(join(dataFolder, own), { force: true, recursive: true });
}
