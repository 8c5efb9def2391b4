import type { DescField, DescMessage, JsonValue, Registry } from "@bufbuild/protobuf";
import { AnySchema, FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { isHttpBody } from "./http-body.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** How much leniency there is, and what an Any may hold. */
export interface Leniency {
  readonly unknownJsonFields: "discard" | "refuse";
  readonly registry: Registry;
}

/**
 * Rewrites JSON into what a strict parser takes: without the members that a message does not know, at any depth, unless
 * they are refused; and with field masks in lowerCamelCase. The parser's own leniency would drop unknown enum values
 * too, and a mistyped value would silently become none.
 */
export function lenientJson(message: DescMessage, json: JsonValue, leniency: Leniency): JsonValue {
  if (message.typeName === FieldMaskSchema.typeName) return typeof json === "string" ? camelPaths(json) : json;
  if (!isObject(json)) return json;
  if (message.typeName === AnySchema.typeName) return lenientAny(json, leniency);
  if (!hasNamedFields(message) && !isHttpBody(message)) return json;
  const members = Object.entries(json).flatMap(([key, value]): [string, JsonValue][] => {
    const field = message.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field) return [[key, lenientField(field, value, leniency)]];
    return leniency.unknownJsonFields === "refuse" || isExtension(key, leniency) ? [[key, value]] : [];
  });
  return Object.fromEntries(members);
}

function isExtension(key: string, { registry }: Leniency): boolean {
  return key.startsWith("[") && registry.getExtension(key.slice(1, -1)) !== undefined;
}

function lenientAny({ "@type": type, ...members }: { [key: string]: JsonValue }, leniency: Leniency): JsonValue {
  const message = typeof type === "string" ? leniency.registry.getMessage(type.replace(/^.*\//, "")) : undefined;
  const known = message && hasNamedFields(message) ? lenientJson(message, members, leniency) : members;
  return { ...(type === undefined ? {} : { "@type": type }), ...(isObject(known) ? known : {}) };
}

function lenientField(field: DescField, json: JsonValue, leniency: Leniency): JsonValue {
  if (field.fieldKind === "message") return lenientJson(field.message, json, leniency);
  if (field.fieldKind === "list" && field.listKind === "message" && Array.isArray(json)) {
    const { message } = field;
    return json.map((item) => lenientJson(message, item, leniency));
  }
  if (field.fieldKind === "map" && field.mapKind === "message" && isObject(json)) {
    const { message } = field;
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, lenientJson(message, value, leniency)]));
  }
  return json;
}

/** "shipping_address.line1" becomes "shippingAddress.line1". A "_" that would not come back stays, and is refused. */
function camelPaths(mask: string): string {
  return mask.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
