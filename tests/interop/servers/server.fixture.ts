import { spawn } from "node:child_process";
import { once } from "node:events";
import type { InstalledServer } from "./install.ts";

/** Starts a server, which says at which address it listens. */
export async function startServer({ command: [program = "", ...args] }: InstalledServer) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  const listening = Promise.withResolvers<string>();
  child.stdout.on("data", (data) => {
    said += data;
    const [, address] = /listening on (\S+)\n/.exec(said) ?? [];
    if (address) listening.resolve(address);
  });
  child.on("exit", (code) => listening.reject(new Error(`${program} has ended with code ${code}`)));
  return {
    address: await listening.promise,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
