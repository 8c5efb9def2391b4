// `npm run migration -- shop/order add_column`: compares a service's schema.ts with its migrations/ and writes the
// difference as the next migration. `npm run migration -- mesh/events add_column` does the same for tables of the mesh.
import { existsSync } from "node:fs";
import { run } from "./run.ts";

const usage = `Usage: npm run migration -- <system>/<service> <name_of_the_change>
For example: npm run migration -- shop/order add_gift_note`;

/** Writes the next migration of a folder that has a schema.ts. */
async function writeMigration(folder: string, name: string): Promise<void> {
  const files = [`--schema=${folder}/schema.ts`, `--out=${folder}/migrations`];
  await run("drizzle-kit", ["generate", "--dialect=postgresql", ...files, `--name=${name}`]);
}

const [place = "", name = "", ...rest] = process.argv.slice(2);
const folder = [`services/${place}`, place].find((candidate) => existsSync(`${candidate}/schema.ts`));

if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name) || rest.length > 0) {
  console.error(usage);
  process.exitCode = 1;
} else if (!folder) {
  console.error(`There is no services/${place}/schema.ts.\n${usage}`);
  process.exitCode = 1;
} else {
  await writeMigration(folder, name);
}
