import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { HttpRule } from "#gen/google/api/http_pb.ts";
import type { MethodPolicy } from "#mesh/contract";
import { StartError } from "#mesh/process";
import { isOpenToPeople } from "../guard/edge-method.ts";
import { type Bind, compileBind } from "./bind.ts";
import { fitsPath } from "./bind-path.ts";
import { createRouteTree, type Match } from "./match.ts";
import { compilePrint, type Print } from "./print-answer.ts";
import { findRequestField, type RequestField } from "./request-field.ts";
import { parseTemplate, type Template, TemplateError } from "./route-template.ts";
import { compileResume, type StreamResume } from "./stream-resume.ts";

/** One rule of google.api.http, compiled. */
export interface Route {
  /** HTTP method in capitals, or "*" for all. */
  readonly httpMethod: string;
  readonly template: Template;
  readonly policy: MethodPolicy;
  /** The request fields in the path, in the order of the template's variables. */
  readonly variables: readonly RequestField[];
  /** What the body holds: "" for none, "*" for all that is not in the path, else the proto name of a field. */
  readonly body: string;
  /** What an answer holds: "" for the whole message, else the proto name of a field. */
  readonly responseBody: string;
  readonly bind: Bind;
  readonly print: Print;
  /** Where readers of its stream go on after a break. */
  readonly resume: StreamResume | undefined;
}

/** The REST side of the contracts. */
export interface RouteTable {
  readonly routes: readonly Route[];
  /** Finds the route of a method and a raw path. Throws 400 for a broken percent escape. */
  match(httpMethod: string, path: string): Match<Route>;
}

/** Rules that cannot be served. The message lists each with file, rpc, what is wrong and the mend. */
export class RouteError extends StartError {
  override readonly name: string = "RouteError";
}

/** Compiles all rules of the given methods. Throws a RouteError that lists every fault. */
export function createRouteTable(policies: Iterable<MethodPolicy>, registry: Registry): RouteTable {
  const tree = createRouteTree<Route>();
  const routes: Route[] = [];
  const faults: string[] = [];
  for (const policy of policies) {
    for (const rule of policy.http) {
      try {
        const route = compileRoute(policy, rule, registry);
        if (!tree.add(route.httpMethod, route.template, route)) throw duplicate(route, routes);
        routes.push(route);
      } catch (fault) {
        if (!(fault instanceof RuleFault)) throw fault;
        faults.push(
          `${policy.method.parent.file.name}.proto: ${policy.method.parent.typeName}.${policy.method.name}: ${fault.message}`,
        );
      }
    }
  }
  if (faults.length > 0) throw new RouteError(`The HTTP rules cannot be served:\n${faults.join("\n")}`);
  return { routes, match: tree.match };
}

class RuleFault extends Error {
  constructor(problem: string, mend: string) {
    super(`${problem}. Mend: ${mend}.`);
  }
}

function compileRoute(policy: MethodPolicy, rule: HttpRule, registry: Registry): Route {
  const { input, output } = policy.method;
  checkMethod(policy);
  const [httpMethod, path] = patternOf(rule);
  const template = readTemplate(path);
  const variables = template.variables.map(({ field }) => variableOf(input, field, path));
  const body = fieldName(input, "body", rule.body, "*");
  if (variables.some((variable) => variable.path === body)) {
    throw new RuleFault(`"${body}" is bound by both the path and the body`, "bind it once");
  }
  const responseBody = fieldName(output, "response_body", rule.responseBody);
  return {
    ...{ httpMethod, template, policy, variables, body, responseBody },
    bind: compileBind(input, { method: httpMethod, variables, body, registry }),
    print: compilePrint(output, responseBody, registry),
    resume: readResume(policy, variables),
  };
}

function readResume(policy: MethodPolicy, variables: readonly RequestField[]): StreamResume | undefined {
  const place = policy.resume?.request.path;
  if (variables.some(({ path }) => path === place)) {
    throw new RuleFault(`the path gives "${place}", where readers go on after a break`, "name another request_field");
  }
  return compileResume(policy);
}

function checkMethod(policy: MethodPolicy): void {
  if (!isOpenToPeople(policy)) {
    throw new RuleFault("only services may call it, yet it has an HTTP rule", "drop the rule or open the access");
  }
  if (policy.method.methodKind === "client_streaming" || policy.method.methodKind === "bidi_streaming") {
    throw new RuleFault(
      "a stream of requests has no REST form here",
      "drop the rule; Connect and gRPC carry the method",
    );
  }
}

function patternOf({ pattern, additionalBindings }: HttpRule): [method: string, path: string] {
  if (additionalBindings.some((binding) => binding.additionalBindings.length > 0)) {
    throw new RuleFault("additional_bindings are nested", "list them side by side in the outer rule");
  }
  switch (pattern.case) {
    case undefined:
      throw new RuleFault("the rule names no method and path", "add get, post, put, patch, delete or custom");
    case "custom":
      return customPattern(pattern.value.kind, pattern.value.path);
    default:
      return [pattern.case.toUpperCase(), pattern.value];
  }
}

function customPattern(kind: string, path: string): [method: string, path: string] {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(kind)) {
    throw new RuleFault(`custom.kind "${kind}" is no HTTP method`, 'use a method such as "HEAD", or "*" for all');
  }
  return [kind, path];
}

function readTemplate(path: string): Template {
  try {
    return parseTemplate(path);
  } catch (fault) {
    if (!(fault instanceof TemplateError)) throw fault;
    throw new RuleFault(`path "${path}": ${fault.message}`, "follow the grammar in google/api/http.proto");
  }
}

function variableOf(request: DescMessage, field: string, path: string): RequestField {
  const found = findRequestField(request, field);
  if (found === undefined) {
    throw new RuleFault(`path "${path}": ${request.typeName} has no field "${field}"`, `name one of ${names(request)}`);
  }
  if (fitsPath(found.field)) return found;
  throw new RuleFault(`path "${path}": "${field}" is no single value`, "bind a scalar or enum that is not repeated");
}

/** Checks the name of a top-level field, in proto or JSON spelling, and returns the proto one. */
function fieldName(message: DescMessage, option: string, name: string, wildcard?: string): string {
  if (name === "" || name === wildcard) return name;
  const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  if (field) return field.name;
  throw new RuleFault(`${option} "${name}" is no field of ${message.typeName}`, `name one of ${names(message)}`);
}

function names(message: DescMessage): string {
  return message.fields.length === 0 ? "its fields (it has none)" : message.fields.map(({ name }) => name).join(", ");
}

function duplicate(route: Route, routes: readonly Route[]): RuleFault {
  const shape = shapeOf(route.template);
  const other = routes.find((known) => known.httpMethod === route.httpMethod && shapeOf(known.template) === shape);
  const where = other ? `${other.policy.method.parent.typeName}.${other.policy.method.name}` : "another rule";
  return new RuleFault(
    `${route.httpMethod} ${route.template.text} is served by ${where} already`,
    "change one of the two",
  );
}

function shapeOf({ segments, verb }: Template): string {
  return JSON.stringify([segments, verb]);
}
