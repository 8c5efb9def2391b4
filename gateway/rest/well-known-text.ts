import { create, type DescMessage, fromJson, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  DurationSchema,
  FieldMaskSchema,
  isWrapperDesc,
  ListValueSchema,
  StructSchema,
  TimestampSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import { scalarText, type TextReader } from "./scalar-text.ts";

const jsonOnly = new Set([
  "google.protobuf.Any",
  StructSchema.typeName,
  ValueSchema.typeName,
  ListValueSchema.typeName,
  "google.api.HttpBody",
]);

/** Whether the fields of a message can be named one by one; those of a well-known type with a form of its own cannot. */
export function hasNamedFields(message: DescMessage): boolean {
  return !jsonOnly.has(message.typeName) && wellKnownText(message) === undefined;
}

/**
 * Reads a well-known type in the form that it has as a JSON string: Timestamp (RFC 3339), Duration ("1.5s"), FieldMask
 * (comma-separated, in lowerCamelCase or as in the proto), and the wrappers. Undefined for every other message.
 */
export function wellKnownText(message: DescMessage): TextReader | undefined {
  if (isWrapperDesc(message)) return wrapperText(message);
  switch (message.typeName) {
    case TimestampSchema.typeName:
      return { expected: "an RFC 3339 time such as 2026-01-31T12:00:00Z", read: (text) => readTimestamp(text) };
    case DurationSchema.typeName:
      return { expected: 'seconds with "s", such as 1.5s', read: (text) => readDuration(text) };
    case FieldMaskSchema.typeName:
      return { expected: "field paths with commas between", read: (text) => readFieldMask(text) };
    default:
      return undefined;
  }
}

/** Turns a field path into its proto spelling: "shippingAddress.line1" becomes "shipping_address.line1". */
export function protoSpelling(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function wrapperText(message: DescMessage): TextReader | undefined {
  const [value] = message.fields;
  if (value?.fieldKind !== "scalar") return undefined;
  const inner = scalarText(value.scalar);
  return {
    expected: inner.expected,
    read(text) {
      const read = inner.read(text);
      if (read === undefined) return undefined;
      const wrapper = reflect(message);
      wrapper.set(value, read);
      return wrapper;
    },
  };
}

function readTimestamp(text: string): ReflectMessage | undefined {
  return attempt(TimestampSchema, () => fromJson(TimestampSchema, text));
}

function readDuration(text: string): ReflectMessage | undefined {
  if (!/^-?(?:0|[1-9]\d{0,11})(?:\.\d{1,9})?s$/.test(text)) return undefined;
  return attempt(DurationSchema, () => fromJson(DurationSchema, text));
}

function readFieldMask(text: string): ReflectMessage | undefined {
  if (!/^(?:\*|[A-Za-z][\w.]*(?:,[A-Za-z][\w.]*)*)?$/.test(text)) return undefined;
  const paths = text === "" ? [] : text.split(",").map(protoSpelling);
  return reflect(FieldMaskSchema, create(FieldMaskSchema, { paths }));
}

function attempt(schema: DescMessage, parse: () => Message): ReflectMessage | undefined {
  try {
    return reflect(schema, parse());
  } catch {
    // The parser of the library only says no by throwing; the refusal names what was expected instead.
    return undefined;
  }
}
