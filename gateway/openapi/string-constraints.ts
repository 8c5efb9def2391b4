import type { JsonValue } from "@bufbuild/protobuf";
import type { Rules } from "./rules.ts";
import type { Schema } from "./value-schema.ts";

/** Formats of JSON Schema, and patterns where it has no format. */
const formats: Readonly<Record<string, Schema>> = {
  email: { format: "email" },
  hostname: { format: "hostname" },
  ip: { anyOf: [{ format: "ipv4" }, { format: "ipv6" }] },
  ipv4: { format: "ipv4" },
  ipv6: { format: "ipv6" },
  uri: { format: "uri" },
  uriRef: { format: "uri-reference" },
  uuid: { format: "uuid" },
  address: { anyOf: [{ format: "hostname" }, { format: "ipv4" }, { format: "ipv6" }] },
  tuuid: { pattern: "^[0-9a-fA-F]{32}$" },
  ulid: { pattern: "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$" },
};

const formatNotes: Readonly<Record<string, string>> = {
  ipWithPrefixlen: "Must be an IP address with the length of its prefix.",
  ipv4WithPrefixlen: "Must be an IPv4 address with the length of its prefix.",
  ipv6WithPrefixlen: "Must be an IPv6 address with the length of its prefix.",
  ipPrefix: "Must be an IP prefix.",
  ipv4Prefix: "Must be an IPv4 prefix.",
  ipv6Prefix: "Must be an IPv6 prefix.",
  hostAndPort: "Must be a host and a port.",
  protobufFqn: "Must be a full Protobuf name.",
  protobufDotFqn: "Must be a full Protobuf name with a leading dot.",
};

/** Keywords for the rules of a string, and sentences for those that have none. */
export function stringKeywords(rules: Rules): { keywords: Schema; notes: string[] } {
  const known = Object.keys(rules);
  const patterns = patternsOf(rules);
  const parts: Schema[] = [
    ...known.flatMap((name): Schema[] => [formats[name] ?? []].flat()),
    ...patterns.usable.map((pattern) => ({ pattern })),
  ];
  return {
    keywords: {
      ...length("minLength", rules.len ?? rules.minLen),
      ...length("maxLength", rules.len ?? rules.maxLen),
      // Two patterns cannot stand side by side.
      ...(parts.length > 1 ? { allOf: parts } : parts[0]),
    },
    notes: [...known.flatMap((name) => formatNotes[name] ?? []), ...patterns.notes, ...byteNotes(rules)],
  };
}

function length(keyword: string, value: JsonValue | undefined): Schema {
  return value === undefined ? {} : { [keyword]: Number(value) };
}

function patternsOf({ pattern, prefix, suffix, contains, notContains }: Rules): { usable: string[]; notes: string[] } {
  const usable = [
    ...(prefix === undefined ? [] : [`^${literal(prefix)}`]),
    ...(suffix === undefined ? [] : [`${literal(suffix)}$`]),
    ...(contains === undefined ? [] : [literal(contains)]),
  ];
  const notes = notContains === undefined ? [] : [`Must not contain "${String(notContains)}".`];
  if (pattern === undefined) return { usable, notes };
  return isShared(String(pattern))
    ? { usable: [...usable, String(pattern)], notes }
    : { usable, notes: [...notes, `Must match \`${String(pattern)}\` (RE2).`] };
}

/** Whether an RE2 pattern is one of JavaScript too, which JSON Schema speaks. */
function isShared(pattern: string): boolean {
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    // Such as (?i), which only RE2 knows.
    return false;
  }
}

function literal(text: JsonValue): string {
  return String(text).replace(/[$()*+.?[\\\]^{|}/-]/g, "\\$&");
}

function byteNotes({ lenBytes, minBytes, maxBytes }: Rules): string[] {
  return [
    ...(lenBytes === undefined ? [] : [`Must be of ${String(lenBytes)} bytes in UTF-8.`]),
    ...(minBytes === undefined ? [] : [`Must be of at least ${String(minBytes)} bytes in UTF-8.`]),
    ...(maxBytes === undefined ? [] : [`Must be of at most ${String(maxBytes)} bytes in UTF-8.`]),
  ];
}
