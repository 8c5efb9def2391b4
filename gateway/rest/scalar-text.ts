import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";

/** Reads a value from the text of a path segment or query parameter. */
export interface TextReader {
  /** What the text must be, for the refusal. */
  readonly expected: string;
  /** Returns the value as the reflection API takes it, undefined for a text that is not one. */
  read(text: string): unknown;
}

/**
 * Reads a scalar strictly: whole numbers in plain decimal and in range, 64-bit ones without a detour through a JS
 * number, booleans as "true" and "false" only, bytes as base64 in either alphabet with or without padding.
 */
export function scalarText(type: ScalarType): TextReader {
  return readers[type];
}

interface Range {
  readonly name: string;
  readonly min: bigint;
  readonly max: bigint;
}

const int32: Range = { name: "int32", min: -(2n ** 31n), max: 2n ** 31n - 1n };
const uint32: Range = { name: "uint32", min: 0n, max: 2n ** 32n - 1n };
const int64: Range = { name: "int64", min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint64: Range = { name: "uint64", min: 0n, max: 2n ** 64n - 1n };

// At most 20 characters make a 64-bit number, so a long text is refused before BigInt meets it.
const wholePattern = /^(?:0|-?[1-9]\d{0,19}|-0)$/;

function expectedOf({ name, min, max }: Range): string {
  return `a whole number from ${min} to ${max} (${name})`;
}

/** Of 32 bits: as a number, which holds it and all that the pattern lets through near enough to compare. */
function whole32(range: Range) {
  const min = Number(range.min);
  const max = Number(range.max);
  return {
    expected: expectedOf(range),
    read(text: string): number | undefined {
      if (!wholePattern.test(text)) return undefined;
      // Without the sign of -0, which is no other whole number than 0.
      const value = Number(text) + 0;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

function whole64(range: Range): TextReader {
  return {
    expected: expectedOf(range),
    read(text) {
      if (!wholePattern.test(text)) return undefined;
      const value = BigInt(text);
      return value >= range.min && value <= range.max ? value : undefined;
    },
  };
}

/** Reads an enum value by its exact name or its number; a closed enum takes only its own numbers. */
export function enumText(type: DescEnum): TextReader {
  const numbers = new Map(type.values.map(({ name, number }) => [name, number]));
  const byNumber = whole32(int32);
  return {
    expected: `a name or number of ${type.typeName}`,
    read(text) {
      const number = numbers.get(text) ?? byNumber.read(text);
      return number !== undefined && (type.open || number in type.value) ? number : undefined;
    },
  };
}

const realPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const namedReals = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

function real(name: "float" | "double"): TextReader {
  const round = name === "float" ? Math.fround : (value: number) => value;
  return {
    expected: `a number, NaN, Infinity or -Infinity (${name})`,
    read(text) {
      if (!realPattern.test(text)) return namedReals.get(text);
      const value = Number(text);
      return Number.isFinite(round(value)) ? value : undefined;
    },
  };
}

const bool: TextReader = {
  expected: "true or false",
  read: (text) => (text === "true" ? true : text === "false" ? false : undefined),
};

const string: TextReader = { expected: "text", read: (text) => text };

const base64Pattern = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9\-_]*)={0,2}$/;

const bytes: TextReader = {
  expected: "base64",
  read(text) {
    const bare = text.replace(/=+$/, "");
    const padded = text.length === bare.length || text.length % 4 === 0;
    return base64Pattern.test(text) && padded && bare.length % 4 !== 1 ? base64Decode(bare) : undefined;
  },
};

const readers: Record<ScalarType, TextReader> = {
  [ScalarType.DOUBLE]: real("double"),
  [ScalarType.FLOAT]: real("float"),
  [ScalarType.INT64]: whole64(int64),
  [ScalarType.UINT64]: whole64(uint64),
  [ScalarType.INT32]: whole32(int32),
  [ScalarType.FIXED64]: whole64(uint64),
  [ScalarType.FIXED32]: whole32(uint32),
  [ScalarType.BOOL]: bool,
  [ScalarType.STRING]: string,
  [ScalarType.BYTES]: bytes,
  [ScalarType.UINT32]: whole32(uint32),
  [ScalarType.SFIXED32]: whole32(int32),
  [ScalarType.SFIXED64]: whole64(int64),
  [ScalarType.SINT32]: whole32(int32),
  [ScalarType.SINT64]: whole64(int64),
};
