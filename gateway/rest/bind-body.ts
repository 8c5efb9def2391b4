import { isUtf8 } from "node:buffer";
import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { badField, type Source } from "../http/edge-error.ts";
import { isDeeperThan } from "../json/scan-json.ts";
import { findJsonFault } from "./json-fault.ts";
import { lenientJson } from "./lenient-json.ts";
import type { MappingRules } from "./mapping-rules.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Makes a request message from the text of a JSON body; "" is an absent body. */
export type BindBody = (text: string) => Message;

/** Bodies above this are searched for the faulty field one level deep only, since the search parses again. */
const deepSearchBytes = 64 * 1024;
const deepestSearch = 10;

/** What a rule says about bodies, and how JSON is taken. */
export interface BodyRule extends Pick<MappingRules, "unknownJsonFields" | "maxDepth"> {
  /** "*" for the whole request, a field's proto name for that field, "" for none. */
  readonly body: string;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
}

/**
 * Compiles the binding of a JSON body: to the whole request, or to a field in whatever JSON form that has.
 * Throws 400 naming the field for JSON that does not fit.
 */
export function compileBody(request: DescMessage, rule: BodyRule): BindBody {
  const { body } = rule;
  if (body === "") return () => create(request);
  if (body === "*") return (text) => parseBody(request, text, { ...rule, at: "", source: "body" });
  const field = request.fields.find(({ name }) => name === body);
  if (field === undefined) throw new TypeError(`${request.typeName} has no field "${body}"`);
  return field.fieldKind === "message" && hasNamedFields(field.message)
    ? compileMessageField(request, field, field.message, rule)
    : (text) => parseField(request, field, text, { ...rule, at: "", source: "body" });
}

/**
 * Reads a value of a field, of a repeated one an element, from its JSON form. Undefined for null, and for a default value
 * that is the same as none. Throws 400 naming the field for JSON that does not fit.
 */
export function jsonValue(field: DescField, text: string, place: Place): unknown {
  const isList = field.fieldKind === "list";
  const message = field.fieldKind === "message" || (isList && field.listKind === "message") ? field.message : undefined;
  const json = parseJson(text, place.source);
  if (message && hasNamedFields(message) && json !== null) {
    return reflect(message, parseBody(message, text, { ...place, at: join(place.at, field.name) }), false);
  }
  const holder = parseField(field.parent, field, isList ? `[${text}]` : text, place);
  const value = reflect(field.parent, holder, false);
  if (isList) return value.get(field).get(0);
  return value.isSet(field) ? value.get(field) : undefined;
}

/** Returns the text of a body. Throws 400 for bytes that are not UTF-8. */
export function bodyText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw badField("body", "", "the body is not UTF-8");
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  return /\S/.test(text) ? text : "";
}

/** Parses the text of a body that a binder has accepted already, or may still refuse. Throws 400 for no JSON. */
export function parseJson(text: string, source: Source = "body"): JsonValue {
  try {
    return JSON.parse(text);
  } catch (refusal) {
    if (refusal instanceof SyntaxError) throw badField(source, "", `the ${source} is not JSON: ${refusal.message}`);
    throw refusal;
  }
}

function compileMessageField(request: DescMessage, field: DescField, message: DescMessage, rule: BodyRule): BindBody {
  const place: Place = { ...rule, at: field.name, source: "body" };
  return (text) => {
    const whole = create(request);
    if (text === "" || text.trim() === "null") return whole;
    reflect(request, whole).set(field, reflect(message, parseBody(message, text, place)));
    return whole;
  };
}

/** Any other field: it is read as the only member of its message, which knows its JSON form. */
function parseField(request: DescMessage, field: DescField, text: string, place: Place): Message {
  if (text === "") return create(request);
  checkDepth(text, place);
  // Alone first: `1, "other": 2` is no value, but would become one inside the braces.
  parseJson(text, place.source);
  return parseBody(request, `{${JSON.stringify(field.jsonName)}:${text}}`, place);
}

/** Where a JSON text belongs, and how it is taken. */
export interface Place extends Omit<BodyRule, "body"> {
  /** Path of the message within the request. */
  readonly at: string;
  /** What the text came in. */
  readonly source: Source;
}

function parseBody(message: DescMessage, text: string, place: Place): Message {
  if (text === "") return create(message);
  checkDepth(text, place);
  try {
    return fromJsonString(message, text, { registry: place.registry, recursionLimit: place.maxDepth });
  } catch {
    // Why is found out there.
    return parseLeniently(message, text, place);
  }
}

/** Parses what the strict parser refused once more, as leniently as the rules are. What is still refused is refused. */
function parseLeniently(message: DescMessage, text: string, place: Place): Message {
  const { at, registry, maxDepth, source } = place;
  const json = lenientJson(message, parseJson(text, place.source), place);
  try {
    // From the text, for only there duplicate keys can be seen.
    fromJsonString(ValueSchema, text, { recursionLimit: Number.POSITIVE_INFINITY });
    return fromJson(message, json, { registry, recursionLimit: maxDepth });
  } catch (refusal) {
    const levels = text.length > deepSearchBytes ? 1 : deepestSearch;
    const fault = findJsonFault(message, json, { refusal, registry, levels });
    throw badField(source, join(at, fault.path), fault.reason, join(at, fault.written));
  }
}

/** A parser's own limit would not count what nobody knows, and its stack would. */
function checkDepth(text: string, { maxDepth, source }: Place): void {
  if (isDeeperThan(text, maxDepth)) throw badField(source, "", `the ${source} nests deeper than ${maxDepth} levels`);
}

function join(at: string, path: string): string {
  return at === "" || path === "" ? at + path : `${at}.${path}`;
}
