import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { badField } from "../http/edge-error.ts";
import { Gathered } from "../http/gathered.ts";
import type { HeldBytes } from "../http/held-bytes.ts";
import { type FormPart, readParts } from "../http/multipart.ts";
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
 * Reads a form as a stream of requests: a file comes in messages of a chunk each; what path, query and the parts before
 * it say is in the first, with its content type. A form without a file is one message. Throws 400 for a part after the
 * file: it would come too late.
 */
export async function* readFormStream(
  chunks: AsyncIterable<Buffer>,
  { route, form, values, query, contentType, limitBytes, held }: FormStreamOptions,
): AsyncIterable<Message> {
  const { input } = route.policy.method;
  const fields: WholePart[] = [];
  const first = () => route.bind({ values, query, body: undefined, form: fields });
  let left = limitBytes;
  let begun = false;
  for await (const { chunks: data, ...part } of readParts({ contentType, maxParts: form.maxParts }, chunks)) {
    if (begun) throw badField("form", "", "the file must be the last part of the form", part.name);
    if (!isStreamed(form, part)) {
      const whole = await collect(data, { left, limitBytes, held });
      left -= whole.length;
      fields.push({ ...part, data: whole });
      continue;
    }
    for await (const chunk of data) {
      const fits = chunk.length <= left;
      if (!begun) {
        fields.push({ ...part, data: fits ? chunk : noBytes });
        yield first();
      }
      if (begun || !fits) yield nextMessage(input, form, { ...part, contentType: undefined, data: chunk });
      begun = true;
    }
    if (!begun) fields.push({ ...part, data: noBytes });
  }
  if (!begun) yield first();
}

/** A file for a field that takes bytes, and takes them once. */
function isStreamed(form: FormBinder, { name, fileName }: Omit<FormPart, "chunks">): boolean {
  const { field } = form.fieldOf(name);
  return fileName !== undefined && takesBytes(field) && field.fieldKind !== "list";
}

function nextMessage(input: DescMessage, form: FormBinder, part: WholePart): Message {
  const message = create(input);
  form.bind(reflect(input, message, false), [part]);
  return message;
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
