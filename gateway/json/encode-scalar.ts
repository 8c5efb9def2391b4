import { ScalarType } from "@bufbuild/protobuf";
import { UNUSUAL } from "./unusual.ts";
import { WireType } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

/** Writes a value of JSON. Throws UNUSUAL for one that has to be looked at more closely. */
export type EncodeValue = (json: unknown, writer: WireWriter) => void;

/** How values of one type are written. */
export interface ValueEncoder {
  readonly wireType: number;
  readonly encode: EncodeValue;
}

const { VARINT, BIT32, BIT64, LENGTH_DELIMITED } = WireType;
const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;

/** The scalars of protobuf-es's fromJson in their usual forms: numbers as numbers, 64-bit integers also as strings. */
export function scalarEncoder(type: ScalarType): ValueEncoder {
  return encoders[type];
}

const encoders: Record<ScalarType, ValueEncoder> = {
  [ScalarType.INT32]: { wireType: VARINT, encode: (json, writer) => writer.varint64(int32(json)) },
  [ScalarType.UINT32]: { wireType: VARINT, encode: (json, writer) => writer.varint(uint32(json)) },
  [ScalarType.SINT32]: { wireType: VARINT, encode: (json, writer) => writer.varint(zigzag(int32(json))) },
  [ScalarType.FIXED32]: { wireType: BIT32, encode: (json, writer) => writer.fixed32(uint32(json)) },
  [ScalarType.SFIXED32]: { wireType: BIT32, encode: (json, writer) => writer.fixed32(int32(json)) },
  [ScalarType.INT64]: { wireType: VARINT, encode: (json, writer) => writer.varint64(long(json)) },
  [ScalarType.UINT64]: { wireType: VARINT, encode: (json, writer) => writer.varint64(unsigned(long(json))) },
  [ScalarType.SINT64]: { wireType: VARINT, encode: (json, writer) => writer.varint64(zigzag64(long(json))) },
  [ScalarType.FIXED64]: { wireType: BIT64, encode: (json, writer) => writer.fixed64(unsigned(long(json))) },
  [ScalarType.SFIXED64]: { wireType: BIT64, encode: (json, writer) => writer.fixed64(long(json)) },
  [ScalarType.BOOL]: { wireType: VARINT, encode: (json, writer) => writer.varint(bool(json)) },
  [ScalarType.FLOAT]: { wireType: BIT32, encode: (json, writer) => writer.float(float(json)) },
  [ScalarType.DOUBLE]: { wireType: BIT64, encode: (json, writer) => writer.double(number(json)) },
  [ScalarType.STRING]: { wireType: LENGTH_DELIMITED, encode: (json, writer) => writer.string(string(json)) },
  [ScalarType.BYTES]: { wireType: LENGTH_DELIMITED, encode: encodeBytes },
};

/** The signed 32-bit integer of a JSON number. Throws UNUSUAL for anything else. */
export function int32(json: unknown): number {
  if (Number.isInteger(json) && Number(json) >= INT32_MIN && Number(json) <= INT32_MAX) return Number(json);
  throw UNUSUAL;
}

function uint32(json: unknown): number {
  if (Number.isInteger(json) && Number(json) >= 0 && Number(json) <= UINT32_MAX) return Number(json);
  throw UNUSUAL;
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** Half of the range of doubles without gaps, so that twice as much has none either. */
const LONG_TEXT = /^(?:0|-?[1-9]\d{0,14})$/;

function long(json: unknown): number {
  if (typeof json === "string" ? LONG_TEXT.test(json) : Number.isSafeInteger(json)) return Number(json);
  throw UNUSUAL;
}

function unsigned(value: number): number {
  if (value < 0) throw UNUSUAL;
  return value;
}

function zigzag64(value: number): number {
  const coded = value < 0 ? -2 * value - 1 : 2 * value;
  if (!Number.isSafeInteger(coded)) throw UNUSUAL;
  return coded;
}

function bool(json: unknown): number {
  if (typeof json !== "boolean") throw UNUSUAL;
  return json ? 1 : 0;
}

function number(json: unknown): number {
  if (typeof json === "number" && Number.isFinite(json)) return json;
  throw UNUSUAL;
}

function float(json: unknown): number {
  const value = number(json);
  if (Number.isFinite(Math.fround(value))) return value;
  throw UNUSUAL;
}

function string(json: unknown): string {
  if (typeof json === "string") return json;
  throw UNUSUAL;
}

/** Standard base64 with its padding; other forms are taken by protobuf-es. */
function encodeBytes(json: unknown, writer: WireWriter): void {
  const text = string(json);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw UNUSUAL;
  writer.varint(bytes.length);
  writer.raw(bytes);
}
