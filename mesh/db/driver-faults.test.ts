import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** Runs a process in which nobody handles a rejection: an error as the driver makes it, for a query that failed. */
function reject(error: { code: string; query: string }) {
  const program = `
    import { outliveDriverFaults } from "./mesh/db/driver-faults.ts";
    outliveDriverFaults();
    Promise.reject(Object.assign(new Error("nobody handles it"), ${JSON.stringify(error)}));
    setImmediate(() => console.log("alive"));`;
  const args = ["--input-type=module-typescript", "--eval", program];
  return spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
}

const types = "select b.oid, b.typarray from pg_catalog.pg_type a left join pg_catalog.pg_type b on b.oid = a.typelem";

test("a server that goes away while the driver asks it for types does not end the process", () => {
  expect(reject({ code: "57P03", query: types })).toMatchObject({ status: 0, stdout: "alive\n" });
});

test.each([
  ["another question", { code: "57P03", query: "select 1" }],
  ["another fault", { code: "42501", query: types }],
])("a rejection that nobody handles ends it as ever: %s", (_, error) => {
  const { status, stderr } = reject(error);
  expect(status).toBe(1);
  expect(stderr).toContain("nobody handles it");
});
