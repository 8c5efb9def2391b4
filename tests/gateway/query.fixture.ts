import type { JsonValue } from "@bufbuild/protobuf";

/** Writes a ProtoJSON object as a query string: dots lead into objects, lists repeat their name. */
export function queryOf(json: { readonly [key: string]: JsonValue }): string {
  return parametersOf(json, "")
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

/** Leaves out objects and lists without members: a query string cannot say them. */
export function withoutEmpty(json: JsonValue): JsonValue {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  const members = Object.entries(json).map(([name, value]) => [name, withoutEmpty(value)] as const);
  return Object.fromEntries(members.filter(([, value]) => !isEmpty(value)));
}

function isEmpty(json: JsonValue): boolean {
  return typeof json === "object" && json !== null && Object.keys(json).length === 0;
}

function parametersOf(json: JsonValue, name: string): [name: string, value: string][] {
  if (Array.isArray(json)) return json.flatMap((item) => parametersOf(item, name));
  if (typeof json !== "object" || json === null) return [[name, String(json)]];
  const path = (member: string) => (name === "" ? member : `${name}.${member}`);
  return Object.entries(json).flatMap(([member, value]) => parametersOf(value, path(member)));
}
