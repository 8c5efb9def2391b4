import type { DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { bodyText, compileBody, parseJson } from "./bind-body.ts";
import { compilePathValue } from "./bind-path.ts";
import { compileQuery } from "./bind-query.ts";
import { compileMask } from "./fill-mask.ts";
import type { RequestField } from "./request-field.ts";

/** The parts of an HTTP request that make a message. */
export interface HttpParts {
  /** Values of the template's variables, in their order. */
  readonly values: readonly string[];
  /** Raw query string without "?". */
  readonly query: string;
  /** Undefined for a route without a body, and for an absent one. */
  readonly body: Buffer | undefined;
}

/** Makes the request message. Throws an EdgeError with status 400 and the field at fault. */
export type Bind = (parts: HttpParts) => Message;

/** What a rule binds where. `body` is "", "*" or the proto name of a field. */
export interface BindingRule {
  readonly method: string;
  readonly variables: readonly RequestField[];
  readonly body: string;
  /** Messages that an Any may hold. */
  readonly registry: Registry;
}

/**
 * Compiles a route's binding once, from fields in three classes (google/api/http.proto): those in the path, those in
 * the body, and the rest, which are query parameters. The body comes first and the path last, so that nothing
 * overrides the path.
 */
export function compileBind(request: DescMessage, rule: BindingRule): Bind {
  const pathFields = new Set(rule.variables.map(({ path }) => path));
  const bindBody = compileBody(request, rule.body, rule.registry);
  const bindQuery = compileQuery(request, { pathFields, body: rule.body });
  const fillMask = compileMask(request, { ...rule, pathFields });
  const bindValues = rule.variables.map(compilePathValue);
  return ({ values, query, body }) => {
    const text = body === undefined ? "" : bodyText(body);
    const message = bindBody(text);
    if (query === "" && bindValues.length === 0) return message;
    const target = reflect(request, message, false);
    bindQuery(target, query);
    if (fillMask && text !== "") fillMask(target, parseJson(text));
    for (const [index, bindValue] of bindValues.entries()) bindValue(target, values[index] ?? "");
    return message;
  };
}
