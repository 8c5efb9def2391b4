import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { StartError } from "#mesh/process";

/** TCP ports of 127.0.0.1 that are given out in blocks. */
export interface PortRange {
  first: number;
  /** Ports of one block, its keeper's among them. */
  blockSize: number;
  blocks: number;
}

/** Below what systems give to outgoing connections, one of which could take a port between two starts (RFC 6056, 2.1). */
const range: PortRange = { first: 20_000, blockSize: 32, blocks: 399 };

/**
 * A TCP port of 127.0.0.1 that nobody listens on at this moment, and that no outgoing connection will be given. As long
 * as this process lives, no other call gives it to anybody, in whatever process. Throws when none is left.
 */
export const freePort = portGiver(range);

/**
 * Gives out ports that nobody listens on, each once. Whoever takes a block listens on its first port until the process
 * ends: so all the others are taken, too, though nobody listens there yet or for a while.
 */
export function portGiver({ first, blockSize, blocks }: PortRange): () => Promise<number> {
  const ports: number[] = [];
  let next = randomInt(blocks);
  let taking: Promise<void> | undefined;

  async function takeBlock(): Promise<void> {
    for (let tries = 0; tries < blocks; tries++) {
      const start = first + blockSize * next;
      next = (next + 1) % blocks;
      const keeper = await listenUnlessTaken(start);
      if (!keeper) continue;
      keeper.unref();
      for (let nth = 1; nth < blockSize; nth++) ports.push(start + nth);
      return;
    }
    throw new Error(`no free port is left from ${first} to ${first + blockSize * blocks - 1}`);
  }

  return async () => {
    for (;;) {
      const port = ports.shift();
      if (port === undefined) {
        taking ??= takeBlock().finally(() => {
          taking = undefined;
        });
        await taking;
      } else if (await isFree(port)) return port;
    }
  };
}

/** Throws a StartError that names the variable to change when somebody listens on the port of 127.0.0.1. */
export async function requireFreePort(port: number, variable: string): Promise<void> {
  try {
    if (!(await isFree(port))) throw portTaken(port, variable);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EACCES")
      throw new StartError(`Port ${port} may not be used by this user. Set ${variable} to another.`);
    throw error;
  }
}

/** The fault of a port on which another program listens. */
export function portTaken(port: number, variable: string): StartError {
  return new StartError(
    `Port ${port} is in use by another program. Stop that program, or set ${variable} to another port.`,
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = await listenUnlessTaken(port);
  if (!server) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function listenUnlessTaken(port: number): Promise<Server | undefined> {
  const server = createServer((stranger) => stranger.destroy());
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return undefined;
    throw error;
  }
}
