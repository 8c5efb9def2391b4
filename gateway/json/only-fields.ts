import type { DescField } from "@bufbuild/protobuf";
import { WireReader } from "./wire-reader.ts";

/**
 * Leaves out all fields of an encoded message but those of the given numbers. What has groups, or is no message, stays as
 * it is.
 */
export function onlyFields(message: Uint8Array, numbers: ReadonlySet<number>): Uint8Array {
  const reader = new WireReader(message);
  const parts: Uint8Array[] = [];
  try {
    while (reader.at < message.length) {
      const start = reader.at;
      const tag = reader.varint();
      reader.skip(tag & 7);
      if (numbers.has(tag >>> 3)) parts.push(message.subarray(start, reader.at));
    }
  } catch {
    return message;
  }
  return Buffer.concat(parts);
}

/** The number of a field, with those of the fields that a message cannot have beside it. */
export function numbersOf(field: DescField): number[] {
  return (field.oneof?.fields ?? [field]).map(({ number }) => number);
}
