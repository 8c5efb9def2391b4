import type { DescField, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { sendContinue } from "../http/read-body.ts";
import { holdsHttpBody, withRawBody } from "./http-body.ts";
import type { Route } from "./route-table.ts";
import { type SplitBody, splitArray, splitLines } from "./split-json.ts";

/** Where the messages of a body go. */
export interface RequestStreamOptions {
  readonly route: Route;
  /** Values of the template's variables. */
  readonly values: readonly string[];
  /** Largest message, in bytes. */
  readonly limitBytes: number;
}

const splitters: ReadonlyMap<string, SplitBody> = new Map([
  ["application/x-ndjson", splitLines],
  ["application/ndjson", splitLines],
  ["application/jsonl", splitLines],
  ["application/json", splitArray],
]);

/**
 * Reads the body as a stream of requests: NDJSON, a JSON array, or the bytes of a google.api.HttpBody in messages of a
 * chunk each. What path and query say is in every message of JSON, and in the first of bytes, with their content type.
 * Nothing is read before somebody asks for it. Throws 415 for another content type.
 */
export function readRequestStream(exchange: Exchange, options: RequestStreamOptions): AsyncIterable<Message> {
  const { route } = options;
  if (route.takesRawBody) return readRaw(exchange, options);
  const type = (exchange.request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const split = splitters.get(type);
  if (split === undefined) {
    const accepted = "application/x-ndjson, application/json";
    throw new EdgeError(`the body must be one of ${accepted}, not "${type}"`, Code.InvalidArgument, {
      status: 415,
      headers: { "Accept-Post": accepted },
    });
  }
  return readJson(exchange, options, split);
}

async function* readJson(
  exchange: Exchange,
  { route, values, limitBytes }: RequestStreamOptions,
  split: SplitBody,
): AsyncIterable<Message> {
  for await (const body of split(chunksOf(exchange), limitBytes)) {
    yield route.bind({ values, query: exchange.query, body });
  }
}

async function* readRaw(exchange: Exchange, { route, values }: RequestStreamOptions): AsyncIterable<Message> {
  const { input } = route.policy.method;
  const field: DescField | undefined = input.fields.find(({ name }) => name === route.body);
  const contentType = exchange.request.headers["content-type"];
  const first = (body: Buffer | undefined) => route.bind({ values, query: exchange.query, body, contentType });
  let begun = false;
  for await (const data of chunksOf(exchange)) {
    yield begun ? withRawBody(input, holdsHttpBody(field) ? field : undefined, { contentType: "", data }) : first(data);
    begun = true;
  }
  if (!begun) yield first(undefined);
}

/**
 * The chunks of a body. A client that is gone has not finished it. Whoever stops reading leaves the connection alone:
 * an answer may still go over it.
 */
async function* chunksOf({ request, response }: Exchange): AsyncIterable<Buffer> {
  sendContinue(request, response);
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk;
  } catch {
    // Whatever broke the connection: nobody is there to be told.
    throw goneAway();
  }
  if (request.aborted || !request.complete) throw goneAway();
}

function goneAway(): ConnectError {
  return new ConnectError("the client went away", Code.Canceled);
}
