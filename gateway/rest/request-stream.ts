import { type DescField, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { bodyChunks } from "../http/body-chunks.ts";
import { EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { formType } from "../http/multipart.ts";
import { mediaTypeOf } from "../http/read-body.ts";
import { holdsHttpBody, withRawBody } from "./http-body.ts";
import { readFormStream } from "./read-form.ts";
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
 * Reads the body as a stream of encoded requests: NDJSON, a JSON array, a form with a file, or the bytes of a
 * google.api.HttpBody, in messages of a chunk each. What path and query say is in every message of JSON, and in the first
 * of bytes, with their content type. Nothing is read before somebody asks for it. Throws 415 for another content type, or
 * a coding that is not known.
 */
export function readRequestStream(exchange: Exchange, options: RequestStreamOptions): AsyncIterable<Uint8Array> {
  const { query, request, held } = exchange;
  const { route, limitBytes } = options;
  const { form } = route;
  const contentType = request.headers["content-type"] ?? "";
  const chunks = bodyChunks(exchange);
  if (route.takesRawBody) return readRaw(chunks, { ...options, query, contentType });
  const type = mediaTypeOf(request);
  if (form && type === formType) return readFormStream(chunks, { ...options, form, query, contentType, held });
  const split = splitters.get(type);
  if (split) return readJson(split(chunks, { limitBytes, held }), { ...options, query });
  const accepted = ["application/x-ndjson", "application/json", ...(form ? [formType] : [])].join(", ");
  throw new EdgeError(`the body must be one of ${accepted}, not "${type}"`, Code.InvalidArgument, {
    status: 415,
    headers: { "Accept-Post": accepted },
  });
}

interface Reading extends RequestStreamOptions {
  readonly query: string;
}

async function* readJson(bodies: AsyncIterable<Buffer>, { route, values, query }: Reading): AsyncIterable<Uint8Array> {
  for await (const body of bodies) yield route.encode({ values, query, body });
}

async function* readRaw(
  chunks: AsyncIterable<Buffer>,
  { route, values, query, contentType }: Reading & { readonly contentType: string },
): AsyncIterable<Uint8Array> {
  const { input } = route.policy.method;
  const field: DescField | undefined = input.fields.find(({ name }) => name === route.body);
  const first = (body: Buffer | undefined) => route.encode({ values, query, body, contentType });
  const bodyField = holdsHttpBody(field) ? field : undefined;
  const next = (data: Buffer) => toBinary(input, withRawBody(input, bodyField, { contentType: "", data }));
  let begun = false;
  for await (const data of chunks) {
    yield begun ? next(data) : first(data);
    begun = true;
  }
  if (!begun) yield first(undefined);
}
