import { spawn } from "node:child_process";

/** What a command printed, and how it ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on until it is interrupted. */
export interface RunningCommand {
  /** What it has printed so far. */
  out(): string;
  /** Does what Ctrl-C does, and waits for the end. */
  interrupt(): Promise<CommandEnd>;
}

/** Runs `heddle` with arguments and variables added to the environment, and waits for its end. */
export async function runHeddle(args: readonly string[], variables: Record<string, string>): Promise<CommandEnd> {
  return await spawnHeddle(args, variables).end;
}

/** Starts a `heddle` that goes on. */
export function startHeddle(args: readonly string[], variables: Record<string, string>): RunningCommand {
  const { child, output, end } = spawnHeddle(args, variables);
  return {
    out: () => output.out,
    interrupt() {
      child.kill("SIGINT");
      return end;
    },
  };
}

function spawnHeddle(args: readonly string[], variables: Record<string, string>) {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, ["scripts/heddle.ts", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    output.out += text;
  });
  child.stderr.on("data", (text) => {
    output.err += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, output, end: ended.then((code): CommandEnd => ({ code, ...output })) };
}
