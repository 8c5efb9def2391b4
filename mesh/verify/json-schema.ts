import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { sensitive } from "#gen/heddle/v1/event_pb.ts";

/** A JSON object. */
export interface JsonSchema {
  readonly [name: string]: unknown;
}

/** The JSON Schema of a message's JSON form. Other messages are named as components. */
export function messageSchema(message: DescMessage): JsonSchema {
  return {
    type: "object",
    properties: Object.fromEntries(message.fields.map((field) => [field.jsonName, fieldSchema(field)])),
  };
}

function fieldSchema(field: DescField): JsonSchema {
  const secret = getOption(field, sensitive) ? { "x-sensitive": true } : {};
  if (field.fieldKind === "list") return { type: "array", items: valueSchema(field), ...secret };
  if (field.fieldKind === "map") return { type: "object", additionalProperties: valueSchema(field), ...secret };
  const schema = valueSchema(field);
  // JSON Schema draft 7, which AsyncAPI uses, ignores whatever stands beside a reference.
  return "$ref" in schema && "x-sensitive" in secret ? { allOf: [schema], ...secret } : { ...schema, ...secret };
}

function valueSchema({ message, enum: type, scalar }: Pick<DescField, "message" | "enum" | "scalar">): JsonSchema {
  if (message) return referenceTo(message);
  if (type) return enumSchema(type);
  return scalar === undefined ? {} : scalarSchema(scalar);
}

function referenceTo({ typeName }: DescMessage): JsonSchema {
  if (typeName === "google.protobuf.Timestamp") return { type: "string", format: "date-time" };
  // Other well-known types have JSON forms of their own, which a reader looks up by name.
  if (typeName.startsWith("google.protobuf.")) return { "x-protobuf": typeName };
  return { $ref: `#/components/schemas/${typeName}` };
}

function enumSchema({ values }: DescEnum): JsonSchema {
  return { type: "string", enum: values.map(({ name }) => name) };
}

function scalarSchema(scalar: ScalarType): JsonSchema {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: "string" };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return { type: "number" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer" };
    default:
      return { type: "string", format: "int64" };
  }
}
