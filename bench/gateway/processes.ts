import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The processes of a benchmark, all of which end with it. */
export class Processes implements Disposable {
  readonly #children: ChildProcess[] = [];

  /** Starts one of this folder's servers and returns what it says once it listens. Throws when it does not. */
  async start(file: string, argument = ""): Promise<string> {
    return (await this.startWith(file, [argument])).said;
  }

  /** The same, with the process, to ask it things. */
  async startWith(file: string, args: readonly string[]): Promise<{ said: string; child: ChildProcess }> {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), [...args], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#children.push(child);
    const [said] = await Promise.race([once(child, "message"), once(child, "exit")]);
    if (typeof said !== "string") throw new Error(`${file} did not start`);
    return { said, child };
  }

  /** Starts a program. */
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
    this.#children.push(spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env }));
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}
