import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation, FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";

/** As many bits as a number has without its sign. */
const MOST_ONEOFS = 31;

/**
 * Whether the short way takes a message. It leaves to protobuf-es well-known types with a JSON form of their own, groups,
 * required fields, names that JavaScript gives a meaning to, and messages with more oneofs than a number has bits.
 */
export function isPlainMessage(message: DescMessage): boolean {
  const { fields, oneofs } = message;
  return !hasCustomJsonRepresentation(message) && oneofs.length <= MOST_ONEOFS && !fields.some(isOdd);
}

function isOdd(field: DescField): boolean {
  if (field.presence === Presence.LEGACY_REQUIRED || field.name === "__proto__" || field.jsonName === "__proto__") {
    return true;
  }
  return "delimitedEncoding" in field && field.delimitedEncoding === true;
}

/** A bit for the oneof that a field is in; 0 outside of all. */
export function oneofBit({ oneof, parent }: DescField): number {
  return oneof ? 1 << parent.oneofs.indexOf(oneof) : 0;
}

/** Whether a field without a value and one with its default value are the same. */
export function isImplicit({ presence }: DescField): boolean {
  return presence === Presence.IMPLICIT;
}
