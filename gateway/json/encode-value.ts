import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  toBinary,
} from "@bufbuild/protobuf";
import { type EncodeValue, int32, scalarEncoder, type ValueEncoder } from "./encode-scalar.ts";
import type { Encoding } from "./encoding.ts";
import { UNUSUAL } from "./unusual.ts";
import { WireType } from "./wire-reader.ts";

/** Compiles how a value of a field, an element of a list or a value of a map is written. */
export function valueEncoder(field: DescField, encoding: Encoding): ValueEncoder {
  if (field.enum) return { wireType: WireType.VARINT, encode: enumEncoder(field.enum) };
  if (field.message) {
    return { wireType: WireType.LENGTH_DELIMITED, encode: nestedEncoder(field.message, encoding) };
  }
  return scalarEncoder(field.scalar);
}

function enumEncoder({ values, open }: DescEnum): EncodeValue {
  const byName = new Map<unknown, number>(values.map(({ jsonName, number }) => [jsonName, number]));
  for (const { name, number } of values) byName.set(name, number);
  const numbers = new Set(values.map(({ number }) => number));
  return (json, writer) => {
    const number = byName.get(json) ?? int32(json);
    if (!open && !numbers.has(number)) throw UNUSUAL;
    writer.varint64(number);
  };
}

function nestedEncoder(message: DescMessage, encoding: Encoding): EncodeValue {
  const encode = encoding.messageEncoder(message);
  if (!encode) return throughMessage(message, encoding);
  return (json, writer) => {
    const start = writer.begin();
    encode(json, writer);
    writer.finish(start);
  };
}

/** Strictly: protobuf-es itself would pass over more than unknown members. */
function throughMessage(message: DescMessage, { options: { registry } }: Encoding): EncodeValue {
  return (json, writer) => {
    // Nothing at all, or a value of its own: that depends on the type, and on the field.
    if (json === null) throw UNUSUAL;
    const bytes = toBinary(message, fromJson(message, json as JsonValue, { registry }));
    writer.varint(bytes.length);
    writer.raw(bytes);
  };
}
