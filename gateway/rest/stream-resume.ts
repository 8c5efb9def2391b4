import type { Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { FieldPath, MethodPolicy, ResumeContract } from "#mesh/contract";
import { badField } from "../http/edge-error.ts";
import { numbersOf, onlyFields } from "../json/only-fields.ts";
import { readResponse } from "./print-answer.ts";
import { claimOneof, holderOf } from "./request-field.ts";
import { scalarText } from "./scalar-text.ts";

/** How readers of a stream go on after a break. */
export interface StreamResume {
  /** Sets the request to begin after the id. Throws 400 for an id that no message of the stream had. */
  bind(request: Message, lastEventId: string): void;
  /** The id of an encoded message, undefined for one that marks no place. */
  idOf(response: Uint8Array): string | undefined;
}

/** Compiles the place in a method's stream; undefined for a stream that begins anew each time. */
export function compileResume({ method, resume }: Pick<MethodPolicy, "method" | "resume">): StreamResume | undefined {
  if (resume === undefined) return undefined;
  const { output } = method;
  const { parents, field } = resume.response;
  const numbers = new Set(numbersOf(parents[0] ?? field));
  return {
    bind: compileBindId(method, resume),
    idOf(response) {
      const message = readResponse(output, onlyFields(response, numbers));
      const value = valueAt(reflect(output, message), resume.response);
      // Encoded, since an id is one line, and a header of the next request.
      return value ? encodeURIComponent(String(value)) : undefined;
    },
  };
}

function compileBindId({ input }: MethodPolicy["method"], { request: place }: ResumeContract): StreamResume["bind"] {
  const reader = scalarText(place.field.scalar);
  return (request, lastEventId) => {
    const value = reader.read(decodeId(lastEventId));
    if (value === undefined) throw badField("header", place.path, `expected ${reader.expected}`, "Last-Event-ID");
    const holder = holderOf(reflect(input, request), place, "header");
    claimOneof(holder, place.field, place.path, "header");
    // Over what the query says: a browser comes back with the URL that it began with.
    holder.set(place.field, value);
  };
}

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A broken escape was not made here, and what is no value is refused.
    throw badField("header", "", `"${text}" is no id of this stream`, "Last-Event-ID");
  }
}

function valueAt(response: ReturnType<typeof reflect>, { parents, field }: FieldPath): unknown {
  let holder = response;
  for (const parent of parents) {
    if (!holder.isSet(parent)) return undefined;
    holder = holder.get(parent);
  }
  return holder.isSet(field) ? holder.get(field) : undefined;
}
