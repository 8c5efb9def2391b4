import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, resolve } from "node:path";

/**
 * Runs a program of node_modules/.bin (or of PATH) quietly and returns what it wrote to stdout.
 * Throws an error with everything that it wrote when it ends with another exit code than 0.
 */
export async function capture(program: string, args: readonly string[]): Promise<string> {
  const path = [resolve("node_modules/.bin"), process.env.PATH].join(delimiter);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PATH: path } });
  let answer = "";
  let everything = "";
  child.stdout.on("data", (data) => {
    answer += data;
    everything += data;
  });
  child.stderr.on("data", (data) => (everything += data));
  const [code, signal] = await once(child, "close");
  if (code === 0) return answer;
  throw new Error(`${everything.trim()}\n(${program} ${args.join(" ")}: ended with ${signal ?? `exit code ${code}`})`);
}
