import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Something that answers HTTP on this machine. */
export interface Server {
  readonly port: number;
  readonly pid: number;
}

/** The processes of a benchmark, all of which end with it. */
export class Processes implements Disposable {
  readonly #children: ChildProcess[] = [];

  /** Starts one of this folder's servers and returns what it says once it listens. Throws when it does not. */
  async start(file: string, argument = ""): Promise<string> {
    return (await this.startWith(file, [argument])).said;
  }

  /** Starts one of the gateways. */
  async startServer(file: string, upstream = ""): Promise<Server> {
    const { said, child } = await this.startWith(file, [upstream]);
    return { port: Number(said), pid: child.pid ?? 0 };
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
  run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): { pid: number } {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env });
    this.#children.push(child);
    return { pid: child.pid ?? 0 };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}
