import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Part, StartError } from "#mesh/process";
import type { HttpRequest, HttpResponse } from "./message.ts";

/** An HTTP/1.1 server that stops gently. */
export type HttpPart = Part & {
  /** http://host:port once it has started. */
  readonly url: string;
  /** Whether `stop` has begun. */
  readonly stopping: boolean;
};

/** Where to listen, and who answers. */
export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Name of the variable that sets the port, for the message when it is in use. */
  readonly portVariable: string;
  readonly listener: (request: HttpRequest, response: HttpResponse) => void;
  /** How long requests are still taken when stopping, in milliseconds: load balancers need a while to hear of it. */
  readonly drainDelayMs: number;
  /** How long requests may still run after that, in milliseconds. */
  readonly drainTimeoutMs: number;
}

// A slow client holds a socket at most this long for its headers, and for its whole request.
const headersTimeoutMs = 20_000;
const requestTimeoutMs = 120_000;

/**
 * Creates the server. `stop` goes on as before for the delay but for `stopping`, then takes no new connections, lets
 * running requests end, and cuts the rest.
 */
export function createHttpPart(options: ServeOptions): HttpPart {
  const { host, port, listener, drainDelayMs, drainTimeoutMs } = options;
  let stopping = false;
  let closing = false;
  const server = createServer({ headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (stopping) response.shouldKeepAlive = false;
    // A connection that was kept alive before the stop would hold it up until it times out.
    response.on("close", () => {
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    listener(request, response);
  };
  server.on("request", answer);
  // The listener decides whether the client may go on; without this, Node would say yes before anyone looked.
  server.on("checkContinue", answer);
  return {
    name: "http",
    get url() {
      return urlOf(host, server.address());
    },
    get stopping() {
      return stopping;
    },
    async start() {
      stopping = false;
      closing = false;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", (error) => reject(startFault(error, options)));
      server.listen(port, host, resolve);
      await promise;
    },
    async stop() {
      stopping = true;
      if (!server.listening) return;
      if (drainDelayMs > 0) await sleep(drainDelayMs);
      closing = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => server.closeAllConnections(), drainTimeoutMs);
      server.close(() => resolve());
      await promise;
      clearTimeout(timer);
    },
  };
}

function startFault(error: NodeJS.ErrnoException, { host, port, portVariable }: ServeOptions): Error {
  if (error.code === "EADDRINUSE") {
    return new StartError(`Port ${port} on ${host} is in use. Stop what uses it, or set ${portVariable} to another.`);
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new StartError(`This machine has no address "${host}". Set HEDDLE_HOST to one that it has.`);
  }
  if (error.code === "EACCES") return new StartError(`Port ${port} needs privileges. Set ${portVariable} to another.`);
  return error;
}

function urlOf(host: string, address: AddressInfo | string | null): string {
  if (address === null || typeof address === "string") return "";
  // "Every address" is no address to call.
  const reachable =
    host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `http://${reachable}:${address.port}`;
}
