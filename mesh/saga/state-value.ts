import { type DescEnum, type EnumShape, enumFromJson, isEnumJson } from "@bufbuild/protobuf";

/**
 * Returns the enum value of a stored state: "PENDING" → OrderStatus.PENDING, "NONE" → the zero value.
 * Throws a RangeError for a name that is no state of the enum.
 */
export function stateValue<States extends DescEnum>(states: States, name: string): EnumShape<States> {
  const isNamed = ({ number, localName }: { number: number; localName: string }) =>
    name === "NONE" ? number === 0 : number !== 0 && localName === name;
  const value = states.values.find(isNamed)?.name;
  if (isEnumJson(states, value)) return enumFromJson(states, value);
  throw new RangeError(`"${name}" is no state of ${states.typeName}`);
}
