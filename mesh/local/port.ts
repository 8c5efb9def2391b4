import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { StartError } from "#mesh/process";

/** Below what systems give to outgoing connections, one of which could take a port between two starts (RFC 6056, 2.1). */
const ports = { min: 20_000, max: 32_767 };

/** One after the other from anywhere: programs that start together are given different ones, and so is each of its own. */
let next = randomInt(ports.min, ports.max);

/**
 * A TCP port of 127.0.0.1 that nobody listens on at this moment, and that no outgoing connection will be given. Never the
 * one that this process was given before.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next;
    next = next === ports.max ? ports.min : next + 1;
    try {
      return await listenOnce(port);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    }
  }
}

/** Throws a StartError that names the variable to change when somebody listens on the port of 127.0.0.1. */
export async function requireFreePort(port: number, variable: string): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") throw portTaken(port, variable);
    if (code === "EACCES")
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

async function listenOnce(port: number): Promise<number> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server without a port");
  return address.port;
}
