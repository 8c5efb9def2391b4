import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { badField, type EdgeError } from "../http/edge-error.ts";
import { Gathered } from "../http/gathered.ts";
import type { HeldBytes } from "../http/held-bytes.ts";
import { readParts } from "../http/multipart.ts";
import type { PartHead } from "../http/part-head.ts";
import { type FormBinder, takesBytes, type WholePart } from "./bind-form.ts";
import type { Route } from "./route-table.ts";
import { messageTooLarge } from "./split-json.ts";

const noBytes = Buffer.alloc(0);

/** Reads a form that has come as a whole. Throws 400 for one that is none. */
export async function readForm(
  { maxParts }: FormBinder,
  { contentType, body }: { readonly contentType: string; readonly body: Buffer },
): Promise<WholePart[]> {
  const parts: WholePart[] = [];
  for await (const { chunks, ...part } of readParts({ contentType, maxParts }, once(body))) {
    parts.push({ ...part, data: Buffer.concat(await Array.fromAsync(chunks)) });
  }
  return parts;
}

/** Where the parts of a form go. */
export interface FormStreamOptions {
  readonly route: Route;
  readonly form: FormBinder;
  /** Values of the template's variables, and the raw query. */
  readonly values: readonly string[];
  readonly query: string;
  readonly contentType: string;
  /** Largest message, in bytes of its parts. */
  readonly limitBytes: number;
  readonly held: HeldBytes;
}

/**
 * Reads a form as a stream of encoded requests: a file comes in messages of a chunk each, the first of which has its content
 * type; what path, query and the parts before the first file say is in the first of all. A form without a file is one
 * message. Throws 400 for any other part after a file, and for a second file of a field.
 */
export async function* readFormStream(
  chunks: AsyncIterable<Buffer>,
  { route, form, values, query, contentType, limitBytes, held }: FormStreamOptions,
): AsyncIterable<Uint8Array> {
  const { input } = route.policy.method;
  const fields: WholePart[] = [];
  const given = new Set<string>();
  let left = limitBytes;
  let begun = false;
  for await (const { chunks: data, ...part } of readParts({ contentType, maxParts: form.maxParts }, chunks)) {
    const { path } = form.fieldOf(part.name);
    const again = given.has(path);
    given.add(path);
    if (!isStreamed(form, part)) {
      if (begun) throw tooLate(path, part);
      const whole = await collect(data, { left, limitBytes, held });
      left -= whole.length;
      fields.push({ ...part, data: whole });
      continue;
    }
    for await (const piece of piecesOf(part, data)) {
      if (again) throw givenTwice(path, part);
      // A file without bytes is a field like any other.
      if (!begun && piece.data.length === 0) fields.push(piece);
      else yield* begun ? [nextMessage(input, form, piece)] : begin(piece);
      begun ||= piece.data.length > 0;
    }
  }
  if (!begun) yield first();

  function first(): Uint8Array {
    return route.encode({ values, query, body: undefined, form: fields });
  }

  /** A piece that has no room beside the fields comes after them. */
  function* begin(piece: WholePart): Iterable<Uint8Array> {
    const fits = piece.data.length <= left;
    fields.push(fits ? piece : { ...piece, data: noBytes });
    yield first();
    if (!fits) yield nextMessage(input, form, { ...piece, contentType: undefined });
  }
}

/** A file in pieces, one at least, of which the first has its content type. None for an input without a chosen file. */
async function* piecesOf(part: PartHead, chunks: AsyncIterable<Buffer>): AsyncIterable<WholePart> {
  let head = part;
  for await (const data of chunks) {
    yield { ...head, data };
    head = { ...part, contentType: undefined };
  }
  if (head === part && part.fileName !== "") yield { ...part, data: noBytes };
}

/** Services read the fields first, and the gateway cannot hold a file back until it has them. */
function tooLate(path: string, { name }: PartHead): EdgeError {
  return badField("form", path, "comes after a file, which the service reads already: put it before", name);
}

/** In messages that follow each other, two files of one field would be one. */
function givenTwice(path: string, { name }: PartHead): EdgeError {
  return badField("form", path, "is given more than once: in a stream each field has one file", name);
}

/** A file for a field that takes bytes, and takes them once. */
function isStreamed(form: FormBinder, { name, fileName }: PartHead): boolean {
  const { field } = form.fieldOf(name);
  return fileName !== undefined && takesBytes(field) && field.fieldKind !== "list";
}

function nextMessage(input: DescMessage, form: FormBinder, part: WholePart): Uint8Array {
  const message = create(input);
  form.bind(reflect(input, message, false), [part]);
  return toBinary(input, message);
}

async function collect(
  chunks: AsyncIterable<Buffer>,
  { left, limitBytes, held }: { readonly left: number; readonly limitBytes: number; readonly held: HeldBytes },
): Promise<Buffer> {
  const all = new Gathered();
  for await (const chunk of chunks) {
    if (all.length + chunk.length > left) throw messageTooLarge(limitBytes);
    held.add(chunk.length);
    all.push(chunk);
  }
  return all.take();
}

async function* once(body: Buffer): AsyncIterable<Buffer> {
  yield body;
}
