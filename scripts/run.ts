import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, resolve } from "node:path";

/**
 * Runs a program of node_modules/.bin (or of PATH) to its end, with our standard streams.
 * Throws when it ends with another exit code than 0.
 */
export async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const path = [resolve("node_modules/.bin"), process.env.PATH].join(delimiter);
  const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...env, PATH: path } });
  const [code, signal] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ended with ${signal ?? `exit code ${code}`}`);
}
