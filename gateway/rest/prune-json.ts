import type { DescField, DescMessage, JsonValue } from "@bufbuild/protobuf";
import { hasNamedFields } from "./well-known-text.ts";

/**
 * Leaves out the members that a message does not know, at any depth. What remains can be parsed strictly: the parser's
 * own leniency would drop unknown enum values too, and a mistyped value would silently become none.
 */
export function pruneJson(message: DescMessage, json: JsonValue): JsonValue {
  if (!isObject(json) || !hasNamedFields(message)) return json;
  const known: { [key: string]: JsonValue } = {};
  for (const [key, value] of Object.entries(json)) {
    const field = message.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field) known[key] = pruneField(field, value);
  }
  return known;
}

function pruneField(field: DescField, json: JsonValue): JsonValue {
  if (field.fieldKind === "message") return pruneJson(field.message, json);
  if (field.fieldKind === "list" && field.listKind === "message" && Array.isArray(json)) {
    const { message } = field;
    return json.map((item) => pruneJson(message, item));
  }
  if (field.fieldKind === "map" && field.mapKind === "message" && isObject(json)) {
    const { message } = field;
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, pruneJson(message, value)]));
  }
  return json;
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
