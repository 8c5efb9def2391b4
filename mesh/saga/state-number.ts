import type { DescEnum } from "@bufbuild/protobuf";

/**
 * Returns the enum number of a stored state: "PENDING" → OrderStatus.PENDING, "NONE" → 0.
 * Throws a RangeError for a name that is no state of the enum.
 */
export function stateNumber(states: DescEnum, name: string): number {
  if (name === "NONE") return 0;
  const value = states.values.find(({ number, localName }) => number !== 0 && localName === name);
  if (value) return value.number;
  throw new RangeError(`"${name}" is no state of ${states.typeName}`);
}
