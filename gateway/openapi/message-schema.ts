import { type DescEnum, type DescField, type DescMessage, getOption, type JsonObject } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { sensitive } from "#gen/heddle/v1/event_pb.ts";
import type { SourceIndex } from "#mesh/contract";
import { constrain } from "./constraints.ts";
import { oneofSchemas } from "./oneof-schema.ts";
import { celNotes, messageRulesOf, requiredFields, rulesOf } from "./rules.ts";
import { enumSchema, type Schema, scalarSchema, wellKnownSchema } from "./value-schema.ts";

/** Schemas of messages and fields; messages and enums refer to each other as components. */
export interface Schemas {
  /** Schema of a message: a reference, or the form of a well-known type. */
  message(message: DescMessage): Schema;
  /** Schema of a field with its comment and rules. */
  field(field: DescField): Schema;
  /**
   * Schema of a message without some of its fields, named by their paths in proto spelling. `own` may give a field of the
   * message itself another schema.
   */
  without(message: DescMessage, paths: ReadonlySet<string>, own?: OwnSchema): Schema;
  /** Whether a message cannot do without the field. */
  isRequired(field: DescField): boolean;
  /** All messages and enums that have been referred to, by name. */
  components(): JsonObject;
}

/** Schema of a field that is not in its JSON form; undefined for one that is. */
export type OwnSchema = (field: DescField) => Schema | undefined;

/** Creates schemas by ProtoJSON, with descriptions from the comments of the contracts. */
export function createSchemas(sourceOf: SourceIndex): Schemas {
  const built = new Map<string, Schema>();
  const required = new Map<DescMessage, ReadonlySet<DescField>>();

  function component(name: string, build: () => Schema): Schema {
    if (!built.has(name)) {
      // Known before it is built: a message may hold itself.
      built.set(name, {});
      built.set(name, build());
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function message(desc: DescMessage): Schema {
    return wellKnownSchema(desc.typeName) ?? component(desc.typeName, () => objectSchema(desc, desc.fields));
  }

  function enumeration(desc: DescEnum): Schema {
    if (desc.typeName.startsWith("google.protobuf.")) return enumSchema(desc);
    return component(desc.typeName, () => ({ ...described(sourceText(desc, valuesText(desc))), ...enumSchema(desc) }));
  }

  function valuesText({ values }: DescEnum): string[] {
    return values.map((value) => `- \`${value.name}\`: ${sourceOf(value)?.comment.replaceAll("\n", " ") ?? ""}`);
  }

  function sourceText(desc: Parameters<SourceIndex>[0], further: readonly string[]): string {
    const comment = sourceOf(desc)?.comment ?? "";
    return [...(comment === "" ? [] : [comment]), ...(further.length === 0 ? [] : [further.join("\n")])].join("\n\n");
  }

  function value(field: DescField): Schema {
    if (field.message) return message(field.message);
    if (field.enum) return enumeration(field.enum);
    return field.scalar === undefined ? {} : scalarSchema(field.scalar);
  }

  function shape(field: DescField): Schema {
    const single = value(field);
    if (field.fieldKind === "list") return { type: "array", items: single };
    return field.fieldKind === "map" ? { type: "object", additionalProperties: single } : single;
  }

  function fieldSchema(field: DescField): Schema {
    const rules = rulesOf(field);
    // The names that rules leave of an enum belong to the field, not to the enum.
    const base = "enum" in rules && field.enum ? enumSchema(field.enum) : shape(field);
    const { schema, notes } = constrain(base, rules, field);
    const comment = sourceText(field, notes) || String(schema.description ?? "");
    return {
      ...schema,
      ...described(comment),
      ...(rules.required === true && presentValue(field)),
      ...(field.deprecated && { deprecated: true }),
      ...(getOption(field, sensitive) && { "x-sensitive": true }),
    };
  }

  function objectSchema(desc: DescMessage, fields: readonly DescField[], own?: OwnSchema): Schema {
    const needed = fields.filter(isRequired).map(({ jsonName }) => jsonName);
    return {
      ...described(sourceText(desc, celNotes(messageRulesOf(desc)))),
      type: "object",
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, own?.(field) ?? fieldSchema(field)])),
      ...(needed.length > 0 && { required: needed }),
      ...oneofSchemas(desc, fields),
      ...(desc.deprecated && { deprecated: true }),
    };
  }

  function isRequired(field: DescField): boolean {
    const known = required.get(field.parent) ?? requiredFields(field.parent);
    required.set(field.parent, known);
    return known.has(field);
  }

  function without(desc: DescMessage, paths: ReadonlySet<string>, own?: OwnSchema): Schema {
    const inside = [...paths].filter((path) => path.includes("."));
    if (paths.size === 0 && own === undefined) return message(desc);
    const fields = desc.fields.filter(({ name }) => !paths.has(name));
    const whole = objectSchema(desc, fields, own);
    const narrowed = fields.flatMap((field) => {
      const prefix = `${field.name}.`;
      const deeper = inside.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
      if (deeper.length === 0 || field.message === undefined) return [];
      return [[field.jsonName, without(field.message, new Set(deeper))] as const];
    });
    return { ...whole, properties: { ...(whole.properties as JsonObject), ...Object.fromEntries(narrowed) } };
  }

  const components = () => Object.fromEntries([...built].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { message, field: fieldSchema, without, isRequired, components };
}

/** A description, where there is something to say. */
export function described(text: string): Schema {
  return text === "" ? {} : { description: text };
}

/** What `required` means for a field that is always there: it is not zero. */
function presentValue(field: DescField): Schema {
  if (field.fieldKind === "list") return { minItems: 1 };
  if (field.fieldKind === "map") return { minProperties: 1 };
  if (field.presence !== Presence.IMPLICIT) return {};
  if (field.enum) return { not: { const: field.enum.values[0]?.name ?? "" } };
  return field.fieldKind === "scalar" ? { not: { enum: ["", "0", 0, false] } } : {};
}
