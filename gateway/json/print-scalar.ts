import { ScalarType } from "@bufbuild/protobuf";
import type { JsonWriter } from "./json-writer.ts";
import type { Print, ValuePrinter } from "./printing.ts";
import { type WireReader, WireType } from "./wire-reader.ts";

const { VARINT, BIT32, BIT64, LENGTH_DELIMITED } = WireType;

/** The JSON of scalars as protobuf-es prints it (https://protobuf.dev/programming-guides/json). */
export function scalarPrinter(type: ScalarType): ValuePrinter {
  return printers[type];
}

const printers: Record<ScalarType, ValuePrinter> = {
  [ScalarType.INT32]: { wireType: VARINT, zero: "0", print: (reader, json) => json.integer(reader.varint() | 0) },
  [ScalarType.UINT32]: { wireType: VARINT, zero: "0", print: (reader, json) => json.integer(reader.varint()) },
  [ScalarType.SINT32]: { wireType: VARINT, zero: "0", print: (reader, json) => json.integer(zigzag(reader.varint())) },
  [ScalarType.FIXED32]: { wireType: BIT32, zero: "0", print: (reader, json) => json.integer(reader.fixed32()) },
  [ScalarType.SFIXED32]: { wireType: BIT32, zero: "0", print: (reader, json) => json.integer(reader.fixed32() | 0) },
  [ScalarType.INT64]: long(VARINT, (reader, json) => printSigned(json, reader.varint(), reader.high)),
  [ScalarType.UINT64]: long(VARINT, (reader, json) => printUnsigned(json, reader.varint(), reader.high)),
  [ScalarType.SINT64]: long(VARINT, (reader, json) => printZigzag(json, reader.varint(), reader.high)),
  [ScalarType.FIXED64]: long(BIT64, (reader, json) => printUnsigned(json, reader.fixed32(), reader.fixed32())),
  [ScalarType.SFIXED64]: long(BIT64, (reader, json) => printSigned(json, reader.fixed32(), reader.fixed32())),
  [ScalarType.BOOL]: { wireType: VARINT, zero: "false", print: printBool },
  [ScalarType.FLOAT]: { wireType: BIT32, zero: "0", print: (reader, json) => printNumber(json, reader.float()) },
  [ScalarType.DOUBLE]: { wireType: BIT64, zero: "0", print: (reader, json) => printNumber(json, reader.double()) },
  [ScalarType.STRING]: { wireType: LENGTH_DELIMITED, zero: '""', print: printString },
  [ScalarType.BYTES]: { wireType: LENGTH_DELIMITED, zero: '""', print: printBytes },
};

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const QUOTE = 0x22;
/** How much the upper half of a 64-bit integer counts. */
const UPPER = 0x1_0000_0000;
/** Upper halves below this leave a number that a double holds exactly. */
const SAFE_HIGH = 0x20_0000;

function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}

/** 64-bit integers are strings, since a double does not hold them all. */
function long(wireType: number, print: Print): ValuePrinter {
  return { wireType, zero: '"0"', print };
}

function printZigzag(json: JsonWriter, low: number, high: number): void {
  const sign = -(low & 1);
  printSigned(json, (((low >>> 1) | (high << 31)) ^ sign) >>> 0, ((high >>> 1) ^ sign) >>> 0);
}

function printUnsigned(json: JsonWriter, low: number, high: number): void {
  json.character(QUOTE);
  if (high < SAFE_HIGH) json.integer(high * UPPER + low);
  else json.text(String((BigInt(high) << 32n) | BigInt(low)));
  json.character(QUOTE);
}

function printSigned(json: JsonWriter, low: number, high: number): void {
  if (high < 0x8000_0000) {
    printUnsigned(json, low, high);
    return;
  }
  json.character(QUOTE);
  const upper = high | 0;
  if (upper >= -SAFE_HIGH) json.integer(upper * UPPER + low);
  else json.text(String((BigInt(upper) << 32n) | BigInt(low)));
  json.character(QUOTE);
}

function printBool(reader: WireReader, json: JsonWriter): void {
  const low = reader.varint();
  json.raw(low !== 0 || reader.high !== 0 ? TRUE : FALSE);
}

function printNumber(json: JsonWriter, value: number): void {
  json.text(Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`);
}

function printString(reader: WireReader, json: JsonWriter): void {
  const end = reader.end();
  json.string(reader.bytes, reader.at, end);
  reader.at = end;
}

function printBytes(reader: WireReader, json: JsonWriter): void {
  const end = reader.end();
  json.text(`"${reader.bytes.toString("base64", reader.at, end)}"`);
  reader.at = end;
}
