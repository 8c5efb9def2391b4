import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { fieldText, type RequestField } from "../rest/request-field.ts";
import type { Route } from "../rest/route-table.ts";
import { hasNamedFields } from "../rest/well-known-text.ts";
import type { Schemas } from "./message-schema.ts";
import { jsonPath } from "./path-parameters.ts";
import { list } from "./rules.ts";
import type { Schema } from "./value-schema.ts";

/** Describes the query parameters of a route: every field that is neither in its path nor in its body. */
export function queryParameters(route: Route, schemas: Schemas): Schema[] {
  if (route.body === "*") return [];
  const taken = new Set([route.body, ...route.variables.map(({ path }) => path)]);
  return queryFields(route.policy.method.input, [])
    .filter(({ path }) => !taken.has(path) && !taken.has(path.split(".", 1)[0] ?? ""))
    .map((field) => parameter(field, schemas));
}

type Parents = RequestField["parents"];

function queryFields(message: DescMessage, parents: Parents): RequestField[] {
  return message.fields.flatMap((field) => {
    if (fieldText(field) !== undefined) return [{ parents, field, path: protoPath(parents, field) }];
    if (field.fieldKind !== "message" || !hasNamedFields(field.message)) return [];
    // A message that holds itself would have parameters without end.
    const seen = [message, ...parents.map((parent) => parent.message)];
    return seen.includes(field.message) ? [] : queryFields(field.message, [...parents, field]);
  });
}

function protoPath(parents: Parents, field: DescField): string {
  return [...parents, field].map(({ name }) => name).join(".");
}

function parameter(found: RequestField, schemas: Schemas): Schema {
  const { description, deprecated, ...schema } = schemas.field(found.field);
  const name = jsonPath(found);
  const required = [...found.parents, found.field].every((field) => schemas.isRequired(field));
  return {
    ...{ name, in: "query" },
    ...(required && { required }),
    ...(description !== undefined && { description }),
    ...(deprecated !== undefined && { deprecated }),
    schema: withoutNull(schema),
    "x-field": name,
  };
}

/** A parameter is there or not, but never null. */
function withoutNull(schema: Schema): Schema {
  const types = list(schema.type);
  if (types.length > 0) return { ...schema, type: types[0] ?? "string" };
  const [first, second] = list(schema.anyOf);
  const isNull = typeof second === "object" && second !== null && "type" in second && second.type === "null";
  return isNull && typeof first === "object" && first !== null && !Array.isArray(first) ? first : schema;
}
