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
import { badField } from "../http/edge-error.ts";
import { findJsonFault } from "./json-fault.ts";
import { pruneJson } from "./prune-json.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Makes a request message from the text of a JSON body; "" is an absent body. */
export type BindBody = (text: string) => Message;

/** Bodies above this are searched for the faulty field one level deep only, since the search parses again. */
const deepSearchBytes = 64 * 1024;
const deepestSearch = 10;

/**
 * Compiles the binding of a body: "*" for the whole request, a field's name for that field in whatever JSON form it
 * has, "" for none. Throws 400 naming the field for JSON that does not fit.
 */
export function compileBody(request: DescMessage, body: string, registry: Registry): BindBody {
  if (body === "") return () => create(request);
  if (body === "*") return (text) => parseBody(request, text, { at: "", registry });
  const field = request.fields.find(({ name }) => name === body);
  if (field === undefined) throw new TypeError(`${request.typeName} has no field "${body}"`);
  return field.fieldKind === "message" && hasNamedFields(field.message)
    ? compileMessageField(request, field, field.message, registry)
    : (text) => parseField(request, field, text, registry);
}

/** Returns the text of a body. Throws 400 for bytes that are not UTF-8. */
export function bodyText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw badField("body", "", "the body is not UTF-8");
  const text = bytes.toString("utf8").replace(/^\ufeff/, "");
  return /\S/.test(text) ? text : "";
}

/** Parses the text of a body that a binder has accepted already, or may still refuse. Throws 400 for no JSON. */
export function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (refusal) {
    if (refusal instanceof SyntaxError) throw badField("body", "", `the body is not JSON: ${refusal.message}`);
    throw refusal;
  }
}

function compileMessageField(
  request: DescMessage,
  field: DescField,
  message: DescMessage,
  registry: Registry,
): BindBody {
  const place = { at: field.name, registry };
  return (text) => {
    const whole = create(request);
    if (text === "" || text.trim() === "null") return whole;
    reflect(request, whole).set(field, reflect(message, parseBody(message, text, place)));
    return whole;
  };
}

/** Any other field: it is read as the only member of its message, which knows its JSON form. */
function parseField(request: DescMessage, field: DescField, text: string, registry: Registry): Message {
  if (text === "") return create(request);
  // Alone first: `1, "other": 2` is no value, but would become one inside the braces.
  parseJson(text);
  return parseBody(request, `{${JSON.stringify(field.jsonName)}:${text}}`, { at: "", registry });
}

interface Place {
  /** Path of the message within the request. */
  readonly at: string;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
}

function parseBody(message: DescMessage, text: string, place: Place): Message {
  if (text === "") return create(message);
  try {
    return fromJsonString(message, text, { registry: place.registry });
  } catch {
    // Why is found out there.
    return parseKnown(message, text, place);
  }
}

/**
 * Parses what the strict parser refused once more without the fields that nobody knows, which are discarded as Connect
 * does. What is still refused is refused.
 */
function parseKnown(message: DescMessage, text: string, { at, registry }: Place): Message {
  const known = pruneJson(message, parseJson(text));
  try {
    // From the text, for only there duplicate keys can be seen.
    fromJsonString(message, text, { registry, ignoreUnknownFields: true });
    return fromJson(message, known, { registry });
  } catch (refusal) {
    const levels = text.length > deepSearchBytes ? 1 : deepestSearch;
    const fault = findJsonFault(message, known, { refusal, registry, levels });
    throw badField("body", join(at, fault.path), fault.reason, join(at, fault.written));
  }
}

function join(at: string, path: string): string {
  return at === "" || path === "" ? at + path : `${at}.${path}`;
}
