import { spawn } from "node:child_process";

/** What a command printed, and how it ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `heddle` with arguments and variables added to the environment, and waits for its end. */
export async function runHeddle(args: readonly string[], variables: Record<string, string>): Promise<CommandEnd> {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, ["scripts/heddle.ts", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    output.out += text;
  });
  child.stderr.on("data", (text) => {
    output.err += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...output };
}
