import { type DescField, type DescMessage, fromJson, type JsonValue, type Registry } from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { isWrapperDesc, ListValueSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { didYouMean } from "#mesh/contract";
import { hasNamedFields, wellKnownText } from "./well-known-text.ts";

/** Where a JSON value does not fit its message, and why. */
export interface JsonFault {
  /** Path in proto spelling, such as "items[1].quantity"; "" for the value itself. */
  readonly path: string;
  /** The same as the client wrote it, such as "shippingAddress.line1". */
  readonly written: string;
  readonly reason: string;
}

/** How a fault is looked for. */
export interface FaultSearch {
  /** What the parser said. */
  readonly refusal: unknown;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
  /** How deep to look: every level parses what lies below it again. */
  readonly levels: number;
}

interface Place {
  readonly path: string;
  readonly written: string;
  readonly levels: number;
  readonly registry: Registry;
}

/**
 * Finds the field that makes the strict `fromJson` fail, by parsing each part alone. Only for a value that has been
 * refused: the cost is that of a few more parses.
 */
export function findJsonFault(message: DescMessage, json: JsonValue, search: FaultSearch): JsonFault {
  const place = { path: "", written: "", ...search };
  return inMessage(message, json, place) ?? faultAt(place, search.refusal, formOf(message, json));
}

function inMessage(message: DescMessage, json: JsonValue, place: Place): JsonFault | undefined {
  if (!isObject(json) || !hasNamedFields(message) || place.levels === 0) return undefined;
  for (const [key, value] of Object.entries(json)) {
    const field = message.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    const refusal = refusalOf(message, { [key]: value }, place);
    if (refusal === undefined) continue;
    if (field) return inField(field, value, refusal, below(place, field.name, key));
    return { ...below(place, key, key), reason: `no such field${didYouMean(key, namesOf(message))}` };
  }
  return undefined;
}

function namesOf({ fields }: DescMessage): string[] {
  return fields.map(({ jsonName }) => jsonName);
}

function inField(field: DescField, json: JsonValue, refusal: unknown, place: Place): JsonFault {
  const deeper =
    field.fieldKind === "list"
      ? inList(field, json, place)
      : field.fieldKind === "message" && inMessage(field.message, json, place);
  return deeper || faultAt(place, refusal, field.fieldKind === "message" ? formOf(field.message, json) : undefined);
}

/** The JSON form that a message has, where a value is of another; the parser would only repeat the value. */
function formOf(message: DescMessage, json: JsonValue): string | undefined {
  if (message.typeName === ListValueSchema.typeName) return Array.isArray(json) ? undefined : "a list";
  const text = isWrapperDesc(message) ? undefined : wellKnownText(message);
  if (text) return text.expected;
  return isWrapperDesc(message) || message.typeName === ValueSchema.typeName || isObject(json)
    ? undefined
    : "an object";
}

function inList(field: DescField & { fieldKind: "list" }, json: JsonValue, place: Place): JsonFault | undefined {
  if (!Array.isArray(json)) return undefined;
  for (const [index, item] of json.entries()) {
    const refusal = refusalOf(field.parent, { [field.name]: [item] }, place);
    if (refusal === undefined) continue;
    const at = { ...place, path: `${place.path}[${index}]`, written: `${place.written}[${index}]` };
    const deeper = field.listKind === "message" ? inMessage(field.message, item, at) : undefined;
    return deeper ?? faultAt(at, refusal, field.listKind === "message" ? formOf(field.message, item) : undefined);
  }
  return undefined;
}

function refusalOf(message: DescMessage, json: JsonValue, { registry }: Place): unknown {
  try {
    fromJson(message, json, { registry });
    return undefined;
  } catch (refusal) {
    return refusal;
  }
}

/** The reason alone, without the parser's words about where it was. */
function reasonOf(refusal: unknown): string {
  if (!(refusal instanceof Error)) return String(refusal);
  // The index is in the path already, and there it counts in the whole list.
  if (isFieldError(refusal.cause)) return refusal.cause.message.replace(/^list item #\d+: /, "");
  return refusal.message.replace(/^cannot decode .*? from JSON:? /s, "");
}

function faultAt({ path, written }: Place, refusal: unknown, form?: string): JsonFault {
  return { path, written, reason: form === undefined ? reasonOf(refusal) : `expected ${form}` };
}

function below(place: Place, name: string, key: string): Place {
  return { ...place, path: join(place.path, name), written: join(place.written, key), levels: place.levels - 1 };
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
