import { type JsonObject, type JsonValue, type Message, type Registry, toJson } from "@bufbuild/protobuf";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import type { HttpParts } from "./bind.ts";
import { parseJson } from "./bind-body.ts";
import { takesBytes } from "./bind-form.ts";
import { isIgnored, parseQuery } from "./bind-query.ts";
import { lenientJson } from "./lenient-json.ts";
import { findRequestField } from "./request-field.ts";
import type { Route } from "./route-table.ts";

/** Answers with how a request is bound, and makes no call. */
export function answerExplanation(
  exchange: Exchange,
  bound: { readonly route: Route; readonly parts: HttpParts; readonly message: Message; readonly registry: Registry },
): void {
  const { route, parts, message, registry } = bound;
  const { method } = route.policy;
  const trace = {
    route: `${route.httpMethod} ${route.template.text}`,
    rpc: `${method.parent.typeName}/${method.name}`,
    bindings: [
      ...pathBindings(route, parts),
      ...queryBindings(route, parts),
      ...bodyBindings(route, parts),
      ...formBindings(route, parts),
    ],
    ignored: [...ignoredParameters(parts), ...ignoredMembers(route, parts, registry)],
    request: toJson(method.input, message, { registry }),
  };
  send(exchange, 200, { "Cache-Control": "no-store" }, `${JSON.stringify(trace, undefined, 2)}\n`);
}

function pathBindings({ variables }: Route, { values }: HttpParts): JsonObject[] {
  return variables.map(({ path }, index) => ({ source: "path", field: path, value: values[index] ?? "" }));
}

function queryBindings({ policy }: Route, { query }: HttpParts): JsonObject[] {
  return parametersOf(query)
    .filter(([name]) => !isIgnored(name))
    .map(([name, value]) => {
      const field = findRequestField(policy.method.input, name)?.path ?? name;
      return { source: "query", ...(name !== field && { written: name }), field, value };
    });
}

function bodyBindings({ body, takesRawBody }: Route, parts: HttpParts): JsonObject[] {
  if (parts.body === undefined) return [];
  const value = takesRawBody ? `${parts.body.length} bytes of ${parts.contentType ?? "no type"}` : jsonOf(parts.body);
  return [{ source: "body", field: body, value }];
}

function formBindings({ form }: Route, parts: HttpParts): JsonObject[] {
  return (parts.form ?? []).flatMap(({ name, contentType = "no type", data }) => {
    if (form === undefined) return [];
    const { field, path } = form.fieldOf(name);
    const value = takesBytes(field) ? `${data.length} bytes of ${contentType}` : data.toString();
    return [{ source: "form", ...(name !== path && { written: name }), field: path, value }];
  });
}

function ignoredParameters({ query }: HttpParts): string[] {
  return parametersOf(query).flatMap(([name]) => (isIgnored(name) ? [`query: ${name}`] : []));
}

function ignoredMembers(route: Route, { body }: HttpParts, registry: Registry): string[] {
  if (body === undefined || route.takesRawBody) return [];
  const { input } = route.policy.method;
  const field = input.fields.find(({ name }) => name === route.body);
  const message = route.body === "*" ? input : field?.fieldKind === "message" ? field.message : undefined;
  if (message === undefined) return [];
  const json = jsonOf(body);
  return missing(json, lenientJson(message, json, { registry, unknownJsonFields: "discard" }), "body: ");
}

/** Paths of the members of one JSON value that another lacks. */
function missing(all: JsonValue | undefined, some: JsonValue | undefined, path: string): string[] {
  if (typeof all !== "object" || all === null) return [];
  const kept: JsonObject = typeof some === "object" && some !== null ? Object.fromEntries(Object.entries(some)) : {};
  return Object.entries(all).flatMap(([key, value]) =>
    key in kept ? missing(value, kept[key], `${path}${key}.`) : [`${path}${key}`],
  );
}

function parametersOf(query: string): [name: string, value: string][] {
  return parseQuery(query, Number.POSITIVE_INFINITY);
}

function jsonOf(body: Buffer): JsonValue {
  const text = body.toString();
  return text.trim() === "" ? null : parseJson(text);
}
