import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { HttpRule } from "#gen/google/api/http_pb.ts";
import type { MethodPolicy } from "#mesh/contract";
import { isOpenToPeople } from "../guard/edge-method.ts";
import { isBidiStreaming, isClientStreaming } from "../rpc/method-kind.ts";
import { type Bind, compileBind, takesRawBody } from "./bind.ts";
import { compileForm, type FormBinder } from "./bind-form.ts";
import { compileEncode, type Encode } from "./encode-request.ts";
import { holdsHttpBody, isHttpBody, type RawBody, rawBodyOf } from "./http-body.ts";
import type { MappingRules } from "./mapping-rules.ts";
import { compilePrintResponse, type PrintResponse, readResponse } from "./print-answer.ts";
import { fieldNames, readTemplate, variableOf } from "./read-template.ts";
import type { RequestField } from "./request-field.ts";
import type { Template } from "./route-template.ts";
import { RuleFault } from "./rule-fault.ts";
import { compileResume, type StreamResume } from "./stream-resume.ts";
import { readSuccess, type Success } from "./success.ts";

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
  /** Whether the body is a google.api.HttpBody, which takes bytes of any content type, instead of JSON. */
  readonly takesRawBody: boolean;
  /** What an answer holds: "" for the whole message, else the proto name of a field. */
  readonly responseBody: string;
  readonly success: Success;
  readonly bind: Bind;
  /** Makes the encoded request. */
  readonly encode: Encode;
  /** Prints an encoded response. */
  readonly printResponse: PrintResponse;
  /** Set where the answer is a google.api.HttpBody: what is sent as it is, instead of JSON. */
  readonly rawAnswer: ((response: Uint8Array) => RawBody) | undefined;
  /** How a multipart/form-data body is bound; undefined where none is taken. */
  readonly form: FormBinder | undefined;
  /** Whether its requests are a stream that only a WebSocket carries. */
  readonly onlyBySocket: boolean;
  /** Where readers of its stream go on after a break. */
  readonly resume: StreamResume | undefined;
}

/** What routes are compiled with. */
export interface RouteOptions extends MappingRules {
  /** Messages that an Any may hold. */
  readonly registry: Registry;
}

/** Compiles one rule of a method. Throws a RuleFault for one that cannot be served. */
export function compileRoute(policy: MethodPolicy, httpRule: HttpRule, options: RouteOptions): Route {
  const { input, output } = policy.method;
  if (!isOpenToPeople(policy)) {
    throw new RuleFault("only services may call it, yet it has an HTTP rule", "drop the rule or open the access");
  }
  const [httpMethod, path] = patternOf(httpRule);
  const template = readTemplate(path);
  const variables = template.variables.map(({ field }) => variableOf(input, field, path));
  const body = fieldName(input, "body", httpRule.body, "*");
  if (variables.some((variable) => variable.path === body)) {
    throw new RuleFault(`"${body}" is bound by both the path and the body`, "bind it once");
  }
  const pathFields = new Set(variables.map((variable) => variable.path));
  // The mask of a PATCH is made of the keys of its JSON.
  const form = httpMethod === "PATCH" ? undefined : compileForm(input, { ...options, body, pathFields });
  const responseBody = fieldName(output, "response_body", httpRule.responseBody);
  const rule = { ...options, method: httpMethod, variables, body, form };
  const bind = compileBind(input, rule);
  return {
    ...{ httpMethod, template, policy, variables, body, responseBody },
    takesRawBody: takesRawBody(input, body),
    form,
    onlyBySocket: readOnlyBySocket(policy, httpMethod, body),
    success: readSuccess(policy.method),
    bind,
    encode: compileEncode(input, rule, bind),
    printResponse: compilePrintResponse(output, { ...options, responseBody }),
    rawAnswer: compileRawAnswer(output, responseBody),
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

/** A stream of requests is the body's, or comes by a WebSocket, which is opened by GET without a body. */
function readOnlyBySocket({ method }: MethodPolicy, httpMethod: string, body: string): boolean {
  const bySocket = httpMethod === "GET" && body === "";
  if (isBidiStreaming(method) && !bySocket) {
    throw new RuleFault("streams in both directions need a WebSocket", "use get without a body");
  }
  if (isClientStreaming(method) && !bySocket && (httpMethod === "GET" || body === "")) {
    throw new RuleFault("the requests come from nowhere", "add a body, or use get without one for a WebSocket");
  }
  return bySocket && (isBidiStreaming(method) || isClientStreaming(method));
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

/** Checks the name of a top-level field, in proto or JSON spelling, and returns the proto one. */
function fieldName(message: DescMessage, option: string, name: string, wildcard?: string): string {
  if (name === "" || name === wildcard) return name;
  const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
  if (field) return field.name;
  throw new RuleFault(`${option} "${name}" is no field of ${message.typeName}`, `name one of ${fieldNames(message)}`);
}

function compileRawAnswer(response: DescMessage, responseBody: string): Route["rawAnswer"] {
  const field = response.fields.find(({ name }) => name === responseBody);
  if (holdsHttpBody(field)) return (bytes) => rawBodyOf(response, field, readResponse(response, bytes));
  const isWhole = responseBody === "" && isHttpBody(response);
  return isWhole ? (bytes) => rawBodyOf(response, undefined, readResponse(response, bytes)) : undefined;
}
