import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type BodyRule, bodyText, compileBody } from "./bind-body.ts";
import type { FormBinder, WholePart } from "./bind-form.ts";
import { compilePathValue } from "./bind-path.ts";
import { compileQuery } from "./bind-query.ts";
import { compileMask } from "./fill-mask.ts";
import { holdsHttpBody, isHttpBody, withRawBody } from "./http-body.ts";
import type { MappingRules } from "./mapping-rules.ts";
import type { RequestField } from "./request-field.ts";

/** The parts of an HTTP request that make a message. */
export interface HttpParts {
  /** Values of the template's variables, in their order. */
  readonly values: readonly string[];
  /** Raw query string without "?". */
  readonly query: string;
  /** Undefined for a route without a body, and for an absent one. */
  readonly body: Buffer | undefined;
  /** The parts of a form that came as the body. */
  readonly form?: readonly WholePart[] | undefined;
  /** Content-Type of the body; it is looked at only where the rule takes an HttpBody. */
  readonly contentType?: string | undefined;
}

/** Makes the request message. Throws an EdgeError with status 400 and the field at fault. */
export type Bind = (parts: HttpParts) => Message;

/** What a rule binds where. `body` is "", "*" or the proto name of a field. */
export interface BindingRule extends BodyRule, Pick<MappingRules, "maxQueryParameters"> {
  readonly method: string;
  readonly variables: readonly RequestField[];
  /** How forms are bound, where the route takes them. */
  readonly form?: FormBinder | undefined;
}

/**
 * Compiles a route's binding once, from fields in three classes (google/api/http.proto): those in the path, those in
 * the body, and the rest, which are query parameters. The body comes first and the path last, so that nothing
 * overrides the path.
 */
export function compileBind(request: DescMessage, rule: BindingRule): Bind {
  const pathFields = new Set(rule.variables.map(({ path }) => path));
  const bindBody = takesRawBody(request, rule.body)
    ? compileRawBody(request, rule.body)
    : compileJsonBody(request, rule);
  const bindQuery = compileQuery(request, { ...rule, pathFields });
  const fillMask = compileMask(request, { ...rule, pathFields });
  const bindValues = rule.variables.map(compilePathValue);
  return (parts) => {
    const { values, query, body, form } = parts;
    const message = form ? create(request) : bindBody(parts);
    if (!form && query === "" && bindValues.length === 0 && !fillMask) return message;
    const target = reflect(request, message, false);
    if (form) rule.form?.bind(target, form);
    bindQuery(target, query);
    if (fillMask && body) fillMask(target, bodyText(body));
    for (const [index, bindValue] of bindValues.entries()) bindValue(target, values[index] ?? "");
    return message;
  };
}

/** Whether what a rule calls the body is a google.api.HttpBody: bytes of any type, not JSON. */
export function takesRawBody(request: DescMessage, body: string): boolean {
  return body === "*" ? isHttpBody(request) : holdsHttpBody(request.fields.find(({ name }) => name === body));
}

function compileJsonBody(request: DescMessage, rule: BodyRule): Bind {
  const bindText = compileBody(request, rule);
  return ({ body }) => bindText(body === undefined ? "" : bodyText(body));
}

function compileRawBody(request: DescMessage, body: string): Bind {
  const field = request.fields.find(({ name }) => name === body);
  return ({ body: data = new Uint8Array(), contentType = "" }) =>
    withRawBody(request, holdsHttpBody(field) ? field : undefined, { contentType, data });
}
