import { execFile } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
/** Every run compiles the contracts in processes of its own, which takes long on a busy machine. In milliseconds. */
const timeout = 180_000;
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

describe("npm run verify", { timeout }, () => {
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

describe("npm run verify -- --against", { timeout }, () => {
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
  });

  it("believes that nothing is left of it, and no name that is not missed", async () => {
    using older = await olderContracts((text) => text.replace(before, added));
    const against = ["--sagas", "1", "--against", "older", "--drained"];
    expect(await report([...against, drained], older.env)).toMatchObject({
      code: 0,
      document: { against: { findings: [], order: [], sagas: [{ name: "checkout", verdict: "proven" }] } },
    });
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

describe("npm run verify -- --trace", { timeout }, () => {
  /** One order as the command line shows it: cancelled at once, before anybody else had heard of it. */
  const order = { service: "shop.order", ...participant() };
  const [placed, cancelled] = [
    { ...step(1, "NONE", "PENDING"), rpc: "shop.order.v1.OrderService.PlaceOrder", announced: [name("OrderPlaced")] },
    {
      ...step(2, "PENDING", "CANCELLED"),
      rpc: "shop.order.v1.OrderService.CancelOrder",
      announced: [name("OrderCancelled")],
    },
  ];
  const told = ["inventory", "payment"].map((alias) => ({
    service: `shop.${alias}`,
    ...participant(),
    moves: [
      {
        ...step(1, "NONE", "CANCELLED_EARLY"),
        rpc: `shop.${alias}.reactions.v1.${alias === "payment" ? "Payment" : "Inventory"}ReactionService.OnOrderCancelled`,
        ...{ eventId: "019a", eventType: name("OrderCancelled") },
      },
    ],
  }));

  function participant() {
    return { participant: { saga: "checkout", key: "0199" } };
  }

  function step(version: number, from: string, to: string) {
    return { version, from, to, time: "2026-01-31T12:00:00Z" };
  }

  function name(event: string): string {
    return `shop.order.v1.${event}`;
  }

  async function traced(content: unknown): Promise<Ended> {
    const folder = mkdtempSync(join(tmpdir(), "heddle-trace-"));
    try {
      writeFileSync(join(folder, "trace.json"), JSON.stringify(content));
      return await verify(["--trace", join(folder, "trace.json")]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it("ends with 0 for a path to a legal end", async () => {
    const { code, stdout } = await traced([{ ...order, moves: [placed, cancelled] }, ...told]);
    expect(stdout).toBe("✓ checkout/0199: 4 moves, a path of the model to a legal end\n");
    expect(code).toBe(0);
  });

  it("ends with 2 for a path that is not at its end, and tells what is to come", async () => {
    const { code, stdout } = await traced([{ ...order, moves: [placed, cancelled] }, ...told.slice(0, 1)]);
    expect(stdout).toContain("payment is NONE and waits for OnOrderCancelled");
    expect(code).toBe(2);
  });

  it("ends with 1 for what is no path, and names the first move that does not belong", async () => {
    const { code, stdout } = await traced([{ ...order, moves: [placed] }, ...told]);
    expect(stdout).toContain("event not announced: shop.inventory took in shop.order.v1.OrderCancelled in NONE");
    expect(stdout).toContain("at step 1 of shop.inventory, NONE → CANCELLED_EARLY by shop.inventory.reactions.v1");
    expect(code).toBe(1);
  });

  it("ends with 1 for a file that holds no moves", async () => {
    expect(await traced([{ service: "shop.order" }])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("participant"),
    });
    expect(await traced([order])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("holds no move of a saga"),
    });
    expect(await verify(["--trace", "no/such.json"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no/such.json cannot be read"),
    });
  });
});
