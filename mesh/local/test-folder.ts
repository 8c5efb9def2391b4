import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that is deleted at the end, open to every user. */
export function testFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "heddle-local-"));
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs statements that use #mesh/local in a process that then kills itself hard. Returns what it wrote. */
export async function killedAfter(statements: string): Promise<string> {
  const source = `import { localNats, localPostgres } from "#mesh/local"; void localNats; void localPostgres;
    ${statements}
    process.kill(process.pid, "SIGKILL");`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", source], { stdio: "pipe" });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  const [, signal] = await once(child, "exit");
  if (signal !== "SIGKILL") throw new Error(output);
  return output;
}
