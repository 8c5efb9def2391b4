import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A program of this folder in a process of its own: it does what it is asked, one thing at a time. */
export interface Child {
  /** Asks and returns the answer. Rejects with what went wrong there, or when the process ends instead. */
  ask<T>(command: string, argument?: number): Promise<T>;
  end(): void;
}

/** What a program can be asked. */
export type Commands = Readonly<Record<string, (argument: number) => Promise<unknown>>>;

interface Answer<T> {
  readonly value: T;
  readonly error?: string;
}

/** Starts `file` with `args`. */
export function startChild(file: string, args: readonly string[]): Child {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended with ${code}`);
  });
  ended.catch(() => undefined);
  return {
    async ask<T>(command: string, argument = 0): Promise<T> {
      const answered = once(child, "message");
      child.send({ command, argument });
      const [answer]: Answer<T>[] = await Promise.race([answered, ended]);
      if (answer === undefined || answer.error !== undefined) throw new Error(`${file} ${command}: ${answer?.error}`);
      return answer.value;
    },
    end: () => void child.kill("SIGKILL"),
  };
}

/** The other side: answers what the parent asks. */
export function serve(commands: Commands): void {
  process.on("message", async ({ command, argument }: { command: string; argument: number }) => {
    try {
      process.send?.({ value: await commands[command]?.(argument) });
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) });
    }
  });
  process.on("disconnect", () => process.exit());
}
