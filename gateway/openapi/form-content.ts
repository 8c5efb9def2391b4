import type { DescField, DescMessage, JsonObject } from "@bufbuild/protobuf";
import { takesBytes } from "../rest/bind-form.ts";
import { hasNamedFields } from "../rest/well-known-text.ts";
import { described, type Schemas } from "./message-schema.ts";
import type { Schema } from "./value-schema.ts";

/**
 * Describes a form for a message, without the fields that the path gives: a property for each part. Files are bytes of
 * any type; those of messages within have the names that lead to them.
 */
export function formContent(message: DescMessage, inPath: ReadonlySet<string>, schemas: Schemas): Schema {
  const own = (field: DescField) => (takesBytes(field) ? fileSchema(field, schemas) : undefined);
  const whole = schemas.without(message, inPath, own);
  const deeper = filesWithin(message, []).filter(({ path }) => !inPath.has(path));
  const files = [
    ...message.fields.filter((field) => takesBytes(field) && !inPath.has(field.name)).map(({ jsonName }) => jsonName),
    ...deeper.map(({ name }) => name),
  ];
  const properties = Object.fromEntries(deeper.map(({ name, field }) => [name, fileSchema(field, schemas)]));
  return {
    schema: { ...whole, properties: { ...(whole.properties as JsonObject), ...properties } },
    encoding: Object.fromEntries(files.map((name) => [name, { contentType: "*/*" }])),
  };
}

function fileSchema(field: DescField, schemas: Schemas): Schema {
  const { description = "" } = schemas.field(field);
  // Without contentEncoding: the bytes as they are.
  const file: Schema = { type: "string", contentMediaType: "application/octet-stream" };
  return { ...described(String(description)), ...(field.fieldKind === "list" ? { type: "array", items: file } : file) };
}

interface FileWithin {
  /** In JSON spelling, and in that of the proto. */
  readonly name: string;
  readonly path: string;
  readonly field: DescField;
}

function filesWithin(message: DescMessage, around: readonly DescMessage[]): FileWithin[] {
  const seen = [...around, message];
  return message.fields.flatMap((outer) => {
    // A message that holds itself would have names without end.
    if (outer.fieldKind !== "message" || !hasNamedFields(outer.message) || seen.includes(outer.message)) return [];
    const own = outer.message.fields
      .filter(takesBytes)
      .map((field) => ({ name: field.jsonName, path: field.name, field }));
    return [...own, ...filesWithin(outer.message, seen)].map(({ name, path, field }) => ({
      name: `${outer.jsonName}.${name}`,
      path: `${outer.name}.${path}`,
      field,
    }));
  });
}
