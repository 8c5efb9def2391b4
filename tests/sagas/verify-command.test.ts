import { execFile } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const isReport = new Ajv({ allErrors: true }).compile(JSON.parse(readFileSync("docs/verify.schema.json", "utf8")));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the script and returns its exit code and what it wrote. */
async function verify(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const options = { env: { ...process.env, ...env } };
  return run(process.execPath, ["scripts/verify.ts", ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Ended) => ({ code, stdout, stderr }),
  );
}

/** Runs it with --json and holds its document against the documented schema. */
async function report(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number; document: unknown }> {
  const { code, stdout } = await verify(["--json", ...args], env);
  const document: unknown = JSON.parse(stdout);
  isReport(document);
  expect(isReport.errors ?? []).toEqual([]);
  return { code, document };
}

/** A repository of its own whose one commit, "older", has other contracts than these. */
async function olderContracts(change: (text: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), "heddle-older-"));
  cpSync("proto", join(folder, "proto"), { recursive: true });
  cpSync("buf.yaml", join(folder, "buf.yaml"));
  for (const file of globSync(join(folder, "proto/shop/**/*.proto"))) {
    writeFileSync(file, change(readFileSync(file, "utf8")));
  }
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  const git = (...args: string[]) => run("git", ["-C", folder, ...args], { env });
  await git("init", "--quiet", "--initial-branch", "older");
  await git("add", ".");
  await git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "Older contracts");
  return {
    folder,
    env: { GIT_DIR: join(folder, ".git") },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

describe("npm run verify", () => {
  it("ends with 0 and one JSON document for what is proven", async () => {
    const { code, document } = await report(["--sagas", "1"]);
    expect(code).toBe(0);
    expect(document).toMatchObject({ findings: [], sagas: [{ name: "checkout", verdict: "proven" }] });
  });

  it("ends with 2 for what it cannot know, and names the bound", async () => {
    const { code, stdout } = await verify(["--max-states", "10"]);
    expect(code).toBe(2);
    expect(stdout).toContain("? saga checkout (inventory, order, payment, shipping): not exhausted");
    expect(stdout).toContain("NOT EXHAUSTED: raise --max-states\n");
    expect(await report(["--max-states", "10"])).toMatchObject({
      code: 2,
      document: { sagas: [{ verdict: "not exhausted", proven: [], runs: [{ sagas: 1, bound: "states" }] }] },
    });
  });

  it("says on stderr how far a long search has come", async () => {
    const { stderr, stdout } = await verify(["--sagas", "3", "--max-states", "20000"]);
    expect(stderr).toMatch(/^ {2}3 at once: 1\d{4} states so far, \d+ of them looked at$/m);
    expect(stdout).not.toContain("so far");
  });

  it("refuses a bound that is none", async () => {
    expect(await verify(["--max-states", "many"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--max-states is a whole number from 1 on, not "many"'),
    });
  });
});

describe("npm run verify -- --against", () => {
  const reactions = "proto/shop/catalog/reactions/v1/catalog_reactions.proto";
  const before = "service CatalogReactionService {";
  const added = `${before}
  // Counts what is sold.
  rpc OnStockCommitted(shop.inventory.v1.StockCommitted) returns (OnAvailabilityChangedResult) {
    option (heddle.v1.on) = {};
  }`;
  const drained = "shop.catalog.reactions.v1.CatalogReactionService.OnStockCommitted";

  it("names what is missed, with its place in the old contracts and a mend", async () => {
    using older = await olderContracts((text) => text.replace(before, added));
    const lines = readFileSync(join(older.folder, reactions), "utf8").split("\n");
    const line = lines.findIndex((each) => each.includes("rpc OnStockCommitted")) + 1;
    const { code, stdout } = await verify(["--sagas", "1", "--against", "older"], older.env);
    expect(code).toBe(1);
    expect(stdout).toContain("✗ removed reception: shop.catalog no longer takes in StockCommitted");
    expect(stdout).toContain(`at older:${reactions}:${line} ${drained}. Mend: keep the reaction`);
    const { document } = await report(["--sagas", "1", "--against", "older"], older.env);
    expect(document).toMatchObject({ against: { findings: [{ check: "removed reception" }], order: [] } });
  });

  it("believes that nothing is left of it, and no name that is not missed", async () => {
    using older = await olderContracts((text) => text.replace(before, added));
    const against = ["--sagas", "1", "--against", "older", "--drained"];
    expect(await verify([...against, drained], older.env)).toMatchObject({ code: 0 });
    expect(await verify([...against, "shop.Nothing"], older.env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--drained shop.Nothing: nothing of that name is missed against older"),
    });
  });

  it("says who must be deployed first", async () => {
    using older = await olderContracts((text) => text.replaceAll("StockReserved", "StockSetAside"));
    const gone = ["--drained", "shop.inventory.v1.StockSetAside"];
    const { code, stdout } = await verify(["--sagas", "1", "--against", "older", ...gone], older.env);
    expect(stdout).toContain("deploy shop.payment before shop.inventory: StockReserved would not reach it otherwise");
    expect(code).toBe(0);
    const { document } = await report(["--sagas", "1", "--against", "older", ...gone], older.env);
    const order = [{ consumer: "shop.payment", announcer: "shop.inventory", events: ["StockReserved"] }];
    expect(document).toMatchObject({ against: { findings: [], order, sagas: [{ verdict: "proven" }] } });
  });
});
