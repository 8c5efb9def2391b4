import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { formType } from "../http/multipart.ts";
import type { Route } from "../rest/route-table.ts";
import { isClientStreaming } from "../rpc/method-kind.ts";
import { formContent } from "./form-content.ts";
import { described, type Schemas } from "./message-schema.ts";
import type { Schema } from "./value-schema.ts";

/** Describes what a route takes as its body; undefined for none. */
export function requestBody(route: Route, schemas: Schemas): Schema | undefined {
  if (route.body === "") return undefined;
  if (route.takesRawBody) return bytes();
  const inPath = new Set(route.variables.map(({ path }) => path));
  return route.body === "*" ? wholeBody(route, inPath, schemas) : fieldBody(route, inPath, schemas);
}

/** Bytes of any type. */
export function bytes(): Schema {
  return { content: { "*/*": { schema: {} } } };
}

/** A field of a message by its proto name. */
export function fieldOf(message: DescMessage, name: string): DescField {
  const field = message.fields.find((candidate) => candidate.name === name);
  // The route table has checked it.
  if (field === undefined) throw new TypeError(`${message.typeName} has no field "${name}"`);
  return field;
}

function wholeBody(route: Route, inPath: ReadonlySet<string>, schemas: Schemas): Schema {
  const { input } = route.policy.method;
  const needed = input.fields.some((field) => !inPath.has(field.name) && schemas.isRequired(field));
  const form = route.form && formContent(input, inPath, schemas);
  return taken(route, { schema: schemas.without(input, inPath), needed, form, description: "" });
}

function fieldBody(route: Route, inPath: ReadonlySet<string>, schemas: Schemas): Schema {
  const field = fieldOf(route.policy.method.input, route.body);
  const { description = "", ...whole } = schemas.field(field);
  const prefix = `${field.name}.`;
  // The body's message is without what the path gives already.
  const inside = [...inPath].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const message = field.fieldKind === "message" ? field.message : undefined;
  const schema = message && inside.length > 0 ? schemas.without(message, new Set(inside)) : whole;
  const form = route.form && message && formContent(message, new Set(inside), schemas);
  const needed = schemas.isRequired(field);
  return { ...taken(route, { schema, needed, form, description: String(description) }), "x-field": field.jsonName };
}

interface Taken {
  readonly schema: Schema;
  readonly needed: boolean;
  /** Undefined where no form is taken. */
  readonly form: Schema | undefined;
  readonly description: string;
}

function taken({ policy }: Route, { schema, needed, form, description }: Taken): Schema {
  const stream = isClientStreaming(policy.method);
  const texts = [
    ...(description === "" ? [] : [description]),
    ...(stream ? ["A stream: one message a line, or one an element."] : []),
    ...(form ? [formText(stream)] : []),
  ];
  return {
    ...described(texts.join("\n\n")),
    // Without a body nobody could tell how many messages there are.
    ...((needed || stream) && { required: true }),
    content: {
      ...(stream && { "application/x-ndjson": { schema } }),
      "application/json": { schema: stream ? { type: "array", items: schema } : schema },
      ...(form && { [formType]: form }),
    },
  };
}

function formText(stream: boolean): string {
  const parts = "A form has a part for each field; a message is JSON, or a part for each field of it (`outer.inner`).";
  return stream ? `${parts} Files come last, and are taken in messages of a chunk each.` : parts;
}
