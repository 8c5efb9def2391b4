import type { RequestField } from "../rest/request-field.ts";
import type { Route } from "../rest/route-table.ts";
import type { Segment, Template } from "../rest/route-template.ts";
import type { Schemas } from "./message-schema.ts";
import type { Schema } from "./value-schema.ts";

/** A path as OpenAPI writes it. */
export interface DocumentedPath {
  /** Such as "/v1/orders/{id}:cancel". */
  readonly path: string;
  readonly parameters: readonly Schema[];
}

/** What all routes of one shape of path have in common. */
export function pathShape({ segments, verb }: Template): string {
  return JSON.stringify([segments, verb]);
}

/**
 * Writes a template as an OpenAPI path. A parameter of OpenAPI fills one segment, so each wildcard becomes one:
 * "{name=shelves/*}" is "shelves/{name}". `names` are the parameters' names, since one path may be described once only,
 * while the routes of its methods may name the same segment differently.
 */
export function documentPath(route: Route, names: readonly string[], schemas: Schemas): DocumentedPath {
  const { segments, verb } = route.template;
  const wildcards = wildcardsOf(route);
  const parts = segments.map((segment, index) => {
    const place = wildcards.findIndex((wildcard) => wildcard.index === index);
    return segment.kind === "literal" ? encodeLiteral(segment.text) : `{${names[place]}}`;
  });
  return {
    path: `/${parts.join("/")}${verb === "" ? "" : `:${encodeLiteral(verb)}`}`,
    parameters: wildcards.map((wildcard, place) => parameter(wildcard, names[place] ?? "", schemas)),
  };
}

/** The names of a route's path parameters: those of its fields in JSON spelling. */
export function parameterNames(route: Route): string[] {
  const taken = new Set<string>();
  return wildcardsOf(route).map(({ variable, index }) => {
    const name = variable ? jsonPath(variable) : `segment${index + 1}`;
    const free = taken.has(name) ? `${name}${taken.size + 1}` : name;
    taken.add(free);
    return free;
  });
}

/** A field's path in JSON spelling, such as "shippingAddress.city". */
export function jsonPath({ parents, field }: RequestField): string {
  return [...parents, field].map(({ jsonName }) => jsonName).join(".");
}

interface Wildcard {
  readonly segment: Segment;
  readonly index: number;
  /** The field that the segment is, or is a part of. */
  readonly variable: RequestField | undefined;
  /** The template of a field of several segments, such as "shelves/*". */
  readonly within: string | undefined;
}

function wildcardsOf({ template, variables }: Route): Wildcard[] {
  return template.segments.flatMap((segment, index) => {
    if (segment.kind === "literal") return [];
    const place = template.variables.findIndex(
      ({ start, end = template.segments.length }) => start <= index && index < end,
    );
    const { start = 0, end, multi = false } = template.variables[place] ?? {};
    const within = multi ? template.segments.slice(start, end).map(text).join("/") : undefined;
    return [{ segment, index, variable: variables[place], within }];
  });
}

function text(segment: Segment): string {
  return segment.kind === "literal" ? segment.text : segment.kind === "one" ? "*" : "**";
}

function parameter({ segment, variable, within }: Wildcard, name: string, schemas: Schemas): Schema {
  const { description = "", ...whole } = variable ? schemas.field(variable.field) : { type: "string" };
  const part = within === undefined ? "" : `Part of \`${variable?.path}\`, which is \`${within}\`.`;
  const slashes = segment.kind === "rest" ? "May hold slashes, and may be empty." : "";
  const sentences = [description, part, slashes].filter((sentence) => sentence !== "").join(" ");
  return {
    name,
    in: "path",
    required: true,
    ...(sentences !== "" && { description: sentences }),
    // The rules are for the whole field.
    schema: within === undefined ? whole : { type: "string" },
    ...(variable && { "x-field": jsonPath(variable) }),
  };
}

function encodeLiteral(literal: string): string {
  return encodeURIComponent(literal).replace(/%(?:24|26|2B|2C|3B|3D|3A|40)/g, decodeURIComponent);
}
