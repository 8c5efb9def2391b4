import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { nearestName } from "#mesh/contract";
import { badField } from "../http/edge-error.ts";
import type { MappingRules } from "./mapping-rules.ts";
import { decodeQueryPart } from "./percent.ts";
import { claimOneof, fieldText, findRequestField, holderOf, type RequestField } from "./request-field.ts";
import type { TextReader } from "./scalar-text.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Sets fields of the request from a raw query string without its "?". */
export type BindQuery = (request: ReflectMessage, query: string) => void;

/** What of the request other parts of the route bind, and how much is taken. */
export interface QueryLimits extends Pick<MappingRules, "maxDepth" | "maxQueryParameters"> {
  /** Paths of the fields in the path, proto spelling. */
  readonly pathFields: ReadonlySet<string>;
  /** "" for no body, "*" for all that is left, else a field. */
  readonly body: string;
}

interface Target extends RequestField {
  /** The name that leads to it. */
  readonly name: string;
  readonly reader: TextReader;
}

const mostTargets = 500;

// Added to links by mail programs and advertisements: never meant for an API, and harmless.
const trackingPattern = /^(?:utm_[a-z]+|gclid|fbclid|msclkid|mc_[ce]id)$/;

/** Asks for an answer that people read; it is about the answer, not the request. */
const prettyParameter = "$prettyPrint";

/**
 * Compiles the binding of query parameters: names as in the proto or in JSON, dots lead into messages, a name repeats
 * for a repeated field. Refused with 400: unknown names (except tracking parameters), fields that belong to the path
 * or the body, singular fields given twice, maps and messages without a textual form.
 */
export function compileQuery(request: DescMessage, limits: QueryLimits): BindQuery {
  const targets = new Map<string, Target>();

  function targetOf(name: string): Target {
    const known = targets.get(name);
    if (known) return known;
    const target = resolve(request, limits, name);
    // A recursive message has endlessly many names; the memory for them ends here.
    if (targets.size < mostTargets) targets.set(name, target);
    return target;
  }

  return (message, query) => {
    if (query === "") return;
    const seen = new Set<string>();
    for (const [name, text] of parseQuery(query, limits.maxQueryParameters)) {
      if (isIgnored(name)) continue;
      const target = targetOf(name);
      const repeated = seen.has(target.path);
      seen.add(target.path);
      setFromQuery(message, target, text, repeated);
    }
  };
}

/**
 * Splits a raw query string into decoded names and values. Throws 400 for broken escapes and for more than `most`
 * parameters.
 */
export function parseQuery(query: string, most: number): [name: string, value: string][] {
  const parts: [string, string][] = [];
  for (let start = 0; start < query.length; ) {
    const ampersand = query.indexOf("&", start);
    const end = ampersand < 0 ? query.length : ampersand;
    if (end > start) parts.push(parseParameter(query.slice(start, end)));
    if (parts.length > most) throw badField("query", "", `more than ${most} parameters`);
    start = end + 1;
  }
  return parts;
}

/** Whether a parameter is none of the request's: a tracking parameter, or one about the answer. */
export function isIgnored(name: string): boolean {
  return name === prettyParameter || trackingPattern.test(name);
}

/** Whether a query asks for an answer with line breaks: `$prettyPrint`, alone or "true". Throws 400 for another value. */
export function asksForPretty(query: string): boolean {
  if (!query.includes("prettyPrint")) return false;
  const [, value = "false"] =
    parseQuery(query, Number.POSITIVE_INFINITY).find(([name]) => name === prettyParameter) ?? [];
  if (value === "" || value === "true") return true;
  if (value === "false") return false;
  throw badField("query", prettyParameter, `expected true or false, got "${value}"`);
}

function parseParameter(part: string): [name: string, value: string] {
  const equals = part.indexOf("=");
  if (equals < 0) return [decodeQueryPart(part), ""];
  return [decodeQueryPart(part.slice(0, equals)), decodeQueryPart(part.slice(equals + 1))];
}

function setFromQuery(request: ReflectMessage, target: Target, text: string, repeated: boolean): void {
  const { field, path, name, reader } = target;
  const value = reader.read(text);
  if (value === undefined) throw badField("query", path, `expected ${reader.expected}, got "${text}"`, name);
  const holder = holderOf(request, target, "query");
  if (field.fieldKind === "list") {
    holder.get(field).add(value);
    return;
  }
  if (repeated) throw badField("query", path, "is given more than once", name);
  claimOneof(holder, field, path, "query");
  holder.set(field, value);
}

function resolve(request: DescMessage, limits: QueryLimits, name: string): Target {
  if (limits.body === "*") throw badField("query", name, "this route takes everything from path and body");
  if (name.split(".").length > limits.maxDepth) {
    throw badField("query", "", `a parameter leads more than ${limits.maxDepth} steps deep`);
  }
  const found = findRequestField(request, name);
  if (found === undefined) throw badField("query", name, `no such parameter${hint(request, limits, name)}`);
  if (limits.pathFields.has(found.path)) throw badField("query", found.path, "is given by the path", name);
  if (isBodyField(found, limits))
    throw badField("query", found.path, `"${limits.body}" is the body of this route`, name);
  const reader = fieldText(found.field);
  if (reader === undefined) throw badField("query", found.path, "has no form as one parameter; name its fields", name);
  return { ...found, name, reader };
}

function isBodyField({ path }: RequestField, { body }: QueryLimits): boolean {
  return body !== "" && path.split(".", 1)[0] === body;
}

function hint(request: DescMessage, limits: QueryLimits, name: string): string {
  const known = parameterNames(request, limits);
  const near = nearestName(name, known);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return known.length === 0 ? "; this route takes none" : `; known are ${known.slice(0, 10).join(", ")}`;
}

/** Names that a route takes, in JSON spelling, one message deep. */
function parameterNames(request: DescMessage, { pathFields, body }: QueryLimits): string[] {
  return request.fields
    .filter(({ name }) => name !== body)
    .flatMap((field) => [{ field, name: field.jsonName, path: field.name }, ...nestedNames(field)])
    .filter(({ field, path }) => !pathFields.has(path) && fieldText(field) !== undefined)
    .map(({ name }) => name);
}

function nestedNames(parent: DescField): { field: DescField; name: string; path: string }[] {
  if (parent.fieldKind !== "message" || !hasNamedFields(parent.message)) return [];
  return parent.message.fields.map((field) => ({
    field,
    name: `${parent.jsonName}.${field.jsonName}`,
    path: `${parent.name}.${field.name}`,
  }));
}
