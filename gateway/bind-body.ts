import { isUtf8 } from "node:buffer";
import {
  create,
  type DescField,
  type DescMessage,
  fromJsonString,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { badField } from "./edge-error.ts";
import { findJsonFault, type JsonFault } from "./json-fault.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Makes a request message from the text of a JSON body; "" is an absent body. */
export type BindBody = (text: string) => Message;

// Unknown fields are discarded, as Connect does; duplicate keys are refused by the parser.
const readOptions = { ignoreUnknownFields: true };

/** Bodies above this are searched for the faulty field one level deep only, since the search parses again. */
const deepSearchBytes = 64 * 1024;

/**
 * Compiles the binding of a body: "*" for the whole request, a field's name for that field in whatever JSON form it
 * has, "" for none. Throws 400 naming the field for JSON that does not fit.
 */
export function compileBody(request: DescMessage, body: string): BindBody {
  if (body === "") return () => create(request);
  if (body === "*") return (text) => parseBody(request, text, "");
  const field = request.fields.find(({ name }) => name === body);
  if (field === undefined) throw new TypeError(`${request.typeName} has no field "${body}"`);
  return field.fieldKind === "message" && hasNamedFields(field.message)
    ? compileMessageField(request, field, field.message)
    : (text) => parseField(request, field, text);
}

/** Returns the text of a body. Throws 400 for bytes that are not UTF-8. */
export function bodyText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw badField("body", "", "the body is not UTF-8");
  const text = new TextDecoder().decode(bytes);
  return text.trim() === "" ? "" : text;
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

function compileMessageField(request: DescMessage, field: DescField, message: DescMessage): BindBody {
  return (text) => {
    const whole = create(request);
    if (text === "" || text.trim() === "null") return whole;
    reflect(request, whole).set(field, reflect(message, parseBody(message, text, field.name)));
    return whole;
  };
}

/** Any other field: it is read as the only member of its message, which knows its JSON form. */
function parseField(request: DescMessage, field: DescField, text: string): Message {
  if (text === "") return create(request);
  // Alone first: `1, "other": 2` is no value, but would become one inside the braces.
  parseJson(text);
  return parseBody(request, `{${JSON.stringify(field.jsonName)}:${text}}`, "");
}

function parseBody(message: DescMessage, text: string, at: string): Message {
  if (text === "") return create(message);
  try {
    return fromJsonString(message, text, readOptions);
  } catch (refusal) {
    const levels = text.length > deepSearchBytes ? 1 : undefined;
    const fault = findJsonFault(message, parseJson(text), refusal, levels);
    throw badField("body", join(at, fault), fault.reason);
  }
}

function join(at: string, { path }: JsonFault): string {
  return at === "" || path === "" ? at + path : `${at}.${path}`;
}
