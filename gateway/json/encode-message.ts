import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type EncodeValue, scalarEncoder } from "./encode-scalar.ts";
import { valueEncoder } from "./encode-value.ts";
import type { Encoding, EncodingOptions } from "./encoding.ts";
import { isImplicit, isPlainMessage, oneofBit } from "./plain-message.ts";
import { sharedByOptions } from "./shared-by-options.ts";
import { UNUSUAL } from "./unusual.ts";
import { tagOf, WireType } from "./wire-reader.ts";

/** How a member of an object is written. */
interface MemberEncoder {
  /** The field's other name; a member of that name would be the same field again. */
  readonly otherName: string | undefined;
  /** One bit for each oneof of the message; 0 for a field outside. */
  readonly oneof: number;
  /** Writes the field with its tag. */
  readonly encode: EncodeValue;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Compiles the encoders of messages, each once: messages may hold themselves. */
export const messageEncoders = sharedByOptions((options: EncodingOptions): Encoding => {
  const known = new Map<DescMessage, EncodeValue>();
  const encoding: Encoding = {
    options,
    messageEncoder(message) {
      if (!isPlainMessage(message)) return undefined;
      const made = known.get(message);
      if (made) return made;
      const members = new Map<string, MemberEncoder>();
      const encode = objectEncoder(members, options);
      known.set(message, encode);
      for (const field of message.fields) addMember(members, field, encoding);
      return encode;
    },
  };
  return encoding;
});

function objectEncoder(
  members: ReadonlyMap<string, MemberEncoder>,
  { ignoreUnknownFields }: EncodingOptions,
): EncodeValue {
  return (json, writer) => {
    const object = asObject(json);
    let oneofs = 0;
    for (const name in object) {
      const member = members.get(name);
      if (!member) {
        if (!ignoreUnknownFields || name.startsWith("[")) throw UNUSUAL;
        continue;
      }
      const { otherName, oneof, encode } = member;
      if ((otherName !== undefined && Object.hasOwn(object, otherName)) || oneofs & oneof) throw UNUSUAL;
      oneofs |= oneof;
      encode(object[name], writer);
    }
  };
}

function addMember(members: Map<string, MemberEncoder>, field: DescField, encoding: Encoding): void {
  const { name, jsonName } = field;
  const shared = { oneof: oneofBit(field), encode: fieldEncoder(field, encoding) };
  members.set(name, { ...shared, otherName: name === jsonName ? undefined : jsonName });
  if (name !== jsonName) members.set(jsonName, { ...shared, otherName: name });
}

/** Compiles how a field is written, with its tag. */
export function fieldEncoder(field: DescField, encoding: Encoding): EncodeValue {
  if (field.fieldKind === "map") return mapEncoder(field, encoding);
  if (field.fieldKind === "list") return field.packed ? packedEncoder(field, encoding) : listEncoder(field, encoding);
  const { wireType, encode } = valueEncoder(field, encoding);
  const tag = tagOf(field.number, wireType);
  const implicit = isImplicit(field);
  return (json, writer) => {
    const start = writer.length;
    writer.varint(tag);
    const valueStart = writer.length;
    encode(json, writer);
    if (implicit && writer.isZero(valueStart)) writer.cut(start);
  };
}

function listEncoder(field: DescField, encoding: Encoding): EncodeValue {
  const { wireType, encode } = valueEncoder(field, encoding);
  const tag = tagOf(field.number, wireType);
  return (json, writer) => {
    for (const element of asList(json)) {
      writer.varint(tag);
      encode(element, writer);
    }
  };
}

function packedEncoder(field: DescField, encoding: Encoding): EncodeValue {
  const { encode } = valueEncoder(field, encoding);
  const tag = tagOf(field.number, WireType.LENGTH_DELIMITED);
  return (json, writer) => {
    const elements = asList(json);
    if (elements.length === 0) return;
    writer.varint(tag);
    const start = writer.begin();
    for (const element of elements) encode(element, writer);
    writer.finish(start);
  };
}

function mapEncoder(field: DescField & { fieldKind: "map" }, encoding: Encoding): EncodeValue {
  const tag = tagOf(field.number, WireType.LENGTH_DELIMITED);
  const key = scalarEncoder(field.mapKey);
  const value = valueEncoder(field, encoding);
  const keyTag = tagOf(1, key.wireType);
  const valueTag = tagOf(2, value.wireType);
  const readKey = keyReader(field.mapKey);
  return (json, writer) => {
    const entries = asObject(json);
    for (const name in entries) {
      writer.varint(tag);
      const start = writer.begin();
      writer.varint(keyTag);
      key.encode(readKey(name), writer);
      writer.varint(valueTag);
      value.encode(entries[name], writer);
      writer.finish(start);
    }
  };
}

function keyReader(type: ScalarType): (key: string) => unknown {
  if (type === ScalarType.STRING) return (key) => key;
  return (key) => {
    try {
      const value: unknown = JSON.parse(key);
      if (String(value) === key) return value;
    } catch {}
    throw UNUSUAL;
  };
}

function asObject(json: unknown): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw UNUSUAL;
  return json as JsonObject;
}

function asList(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json;
  throw UNUSUAL;
}
