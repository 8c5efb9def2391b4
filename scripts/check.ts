// `npm run check`: everything that can be said about the code without running it. One line for each step; the first
// that fails shows its output and ends the check.
import { cpSync, existsSync, globSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { baseCommit } from "./base-commit.ts";
import { capture } from "./capture.ts";
import { extractContracts } from "./read-image.ts";
import { writeThirdPartyProtos } from "./third-party-protos.ts";

/** A step returns a note for its line, or nothing. It throws when it fails. */
type Step = (folder: string) => Promise<string | undefined>;

const steps: Record<string, Step> = {
  "format and lint (biome)": () => passes("biome", "ci", `--colors=${process.stdout.isTTY ? "force" : "off"}`),
  "types (tsc)": () => passes("tsc"),
  "contracts: lint (buf)": () => passes("buf", "lint"),
  "contracts: format (buf)": () => passes("buf", "format", "proto", "--diff", "--exit-code"),
  "contracts: breaking changes (buf)": breaking,
  "generated code": generated,
  "HTTP rules": httpRules,
  "sagas: proof and pages": sagas,
  migrations,
};

async function passes(program: string, ...args: string[]): Promise<undefined> {
  await capture(program, args);
}

/** Compares the contracts with those of main's last version. */
async function breaking(folder: string): Promise<string> {
  const base = await baseCommit();
  if (!base) return "no earlier version to compare with";
  const listed = await capture("git", ["ls-tree", "--name-only", base, "proto", "buf.yaml"]);
  if (listed.trim().split("\n").length < 2) return `${base.slice(0, 9)} has no contracts to compare with`;
  await extractContracts(base, folder);
  const image = join(folder, "base.binpb");
  await capture("buf", ["build", join(folder, "proto"), "--output", image]);
  await capture("buf", ["breaking", "proto", "--against", image, "--exclude-imports"]);
  return `against ${base.slice(0, 9)}`;
}

/** Generates again, beside, and lets no file differ. */
async function generated(folder: string): Promise<undefined> {
  await capture("buf", ["generate", "--output", folder]);
  const image = join(folder, "gen", "contracts.binpb");
  await capture("buf", ["build", "proto", "--as-file-descriptor-set", "--output", image]);
  await capture("node", ["scripts/write-openapi.ts", "--into", folder]);
  await capture("node", ["scripts/write-deployment.ts", "--into", folder]);
  for (const place of ["gen", "docs/openapi.yaml", "deploy/nats/accounts.conf", "deploy/postgres/roles.sql"]) {
    await capture("git", ["diff", "--no-index", "--stat", place, join(folder, place)]).catch((error: Error) => {
      throw new Error(`${error.message}\n${place} is not what the contracts say. Run: npm run gen`);
    });
  }
}

/** Lists what is odd about the HTTP rules, and fails for those that cannot be served. */
async function httpRules(): Promise<string> {
  return (await capture("node", ["scripts/lint-routes.ts"])).trim();
}

/** Proves the sagas, writes their pages again, beside, and lets no file differ. */
async function sagas(folder: string): Promise<string> {
  const said = await capture("node", ["scripts/verify.ts", "--write", "--into", folder]);
  for (const page of ["docs/sagas", "docs/events.asyncapi.json"]) {
    await capture("git", ["diff", "--no-index", "--stat", page, join(folder, page)]).catch((error: Error) => {
      throw new Error(`${error.message}\n${page} is not what the contracts say. Run: npm run verify -- --write`);
    });
  }
  return (
    said
      .split("\n")
      .filter((line) => line.includes("at once"))
      .at(-1)
      ?.trim() ?? ""
  );
}

/** Lets drizzle-kit look for changes of a schema that no migration holds. */
async function migrations(folder: string): Promise<string> {
  const schemas = globSync("{services/*/*,mesh/*,gateway/*}/schema.ts").filter((schema) =>
    existsSync(snapshotsOf(schema)),
  );
  for (const schema of schemas) {
    const copy = join(folder, dirname(schema));
    cpSync(join(dirname(schema), "migrations"), copy, { recursive: true });
    const before = countSql(copy);
    const files = [`--schema=${schema}`, `--out=${relative(".", copy)}`];
    await capture("drizzle-kit", ["generate", "--dialect=postgresql", "--name=missing", ...files]);
    if (countSql(copy) > before) {
      const place = dirname(schema).replace(/^services\//, "");
      throw new Error(`${schema} has changes without a migration. Run: npm run migration -- ${place} <name>`);
    }
  }
  return `of ${schemas.map((schema) => basename(dirname(schema))).join(", ")}`;
}

/** Migrations that were written by hand have no snapshots to compare with. */
function snapshotsOf(schema: string): string {
  return join(dirname(schema), "migrations", "meta", "0000_snapshot.json");
}

function countSql(folder: string): number {
  return readdirSync(folder).filter((file) => file.endsWith(".sql")).length;
}

/** Returns whether the step passed. */
async function told(name: string, step: Step): Promise<boolean> {
  const begin = performance.now();
  const seconds = () => `${((performance.now() - begin) / 1000).toFixed(1)} s`;
  const folder = mkdtempSync(join(tmpdir(), "heddle-check-"));
  try {
    const note = await step(folder);
    console.log(`✓ ${name}${note ? ` ${note}` : ""} (${seconds()})`);
    return true;
  } catch (error) {
    console.log(`✗ ${name} (${seconds()})\n\n${error instanceof Error ? error.message : error}`);
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (!existsSync("third_party")) writeThirdPartyProtos();
for (const [name, step] of Object.entries(steps)) {
  if (await told(name, step)) continue;
  process.exitCode = 1;
  break;
}
