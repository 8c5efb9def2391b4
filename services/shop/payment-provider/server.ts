import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Database } from "#mesh/db";
import { type Part, StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { errorAnswer } from "./answer.ts";
import { createOperations, type Operations } from "./operations.ts";
import { findAuthorization, listAuthorizations, sumAuthorizations } from "./repository.ts";
import { BadRequest, type ProviderRequest, readRequest } from "./request.ts";

/** Where the provider listens, and how slow it is. */
export interface ProviderServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long `pm_card_slow` takes, in milliseconds. */
  readonly slowAnswerMs: number;
  readonly database: Database;
  readonly log: Logger;
}

/** The HTTP side of the provider. Its `url` is known while it runs. */
export function createProviderServer(options: ProviderServerOptions): Part & { readonly url: string } {
  let server: Server | undefined;
  let stopping = new AbortController();
  return {
    name: "payment provider",
    get url() {
      return urlOf(server, options.host);
    },
    async start() {
      stopping = new AbortController();
      server = createServer(listener(options, stopping.signal));
      await listen(server, options);
    },
    async stop() {
      stopping.abort();
      if (server?.listening) await close(server);
    },
  };
}

function listener(options: ProviderServerOptions, stopping: AbortSignal): RequestListener {
  const { database, slowAnswerMs, log } = options;
  const operations = createOperations({ database, slowAnswerMs, signal: stopping });
  const context = { ...options, operations, stopping };
  return (message, response) => {
    respond(context, message, response).catch((error) => log.error({ err: error }, "an answer could not be sent"));
  };
}

interface Responding extends ProviderServerOptions {
  readonly operations: Operations;
  readonly stopping: AbortSignal;
}

async function respond(context: Responding, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body } = await answer(context, message).catch((error) => explain(context, error));
  // A connection that stays open would hold up the end.
  if (context.stopping.aborted) response.setHeader("connection", "close");
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

async function answer(context: Responding, message: IncomingMessage): Promise<{ status: number; body: unknown }> {
  const request = await readRequest(message);
  if (request.kind === "operation") return context.operations.perform(request.idempotencyKey, request.operation);
  return { status: 200, body: await look(context.database, request) };
}

async function look(database: Database, request: Exclude<ProviderRequest, { kind: "operation" }>): Promise<unknown> {
  switch (request.kind) {
    case "health":
      return { status: "ok" };
    case "list":
      return {
        totals: await sumAuthorizations(database.orm),
        authorizations: await listAuthorizations(database.orm),
      };
    case "get": {
      const found = await findAuthorization(database.orm, request.reference);
      if (!found) throw new BadRequest(404, "not_found", `there is no authorization ${request.reference}`);
      return found;
    }
  }
}

function explain(context: Responding, error: unknown): { status: number; body: unknown } {
  if (error instanceof BadRequest) return errorAnswer(error.status, error.code, error.message);
  if (context.stopping.aborted) return errorAnswer(503, "stopping", "the provider is stopping; try again");
  context.log.error({ err: error }, "a request failed");
  return errorAnswer(500, "internal", "the provider failed; try again with the same key");
}

function listen(server: Server, { host, port }: ProviderServerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => {
    const taken = error.code === "EADDRINUSE";
    const mend = `port ${port} is in use: set PAYMENT_PROVIDER_PORT to a free one`;
    reject(taken ? new StartError(mend) : error);
  });
  server.listen(port, host, () => resolve());
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  return promise;
}

function urlOf(server: Server | undefined, host: string): string {
  const address = server?.address() ?? null;
  if (address === null || typeof address === "string") throw new Error("the payment provider is not running");
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
