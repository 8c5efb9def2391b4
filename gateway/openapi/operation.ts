import { type Access, Audience } from "#gen/heddle/v1/policy_pb.ts";
import type { SourceIndex } from "#mesh/contract";
import { isRead } from "../caching/send-cacheable.ts";
import type { Route } from "../rest/route-table.ts";
import { isServerStreaming, isUnary } from "../rpc/method-kind.ts";
import { described, type Schemas } from "./message-schema.ts";
import { bytes, fieldOf, requestBody } from "./request-body.ts";
import { celNotes, messageRulesOf } from "./rules.ts";
import { type Schema, wellKnownSchema } from "./value-schema.ts";

/** What operations are described with. */
export interface OperationContext {
  readonly schemas: Schemas;
  readonly sourceOf: SourceIndex;
}

/** Describes one route. `id` is unique in the document, `parameters` are those of path and query. */
export function operation(
  route: Route,
  { id, parameters }: { readonly id: string; readonly parameters: readonly Schema[] },
  context: OperationContext,
): Schema {
  const { method, access, rateLimits } = route.policy;
  const body = requestBody(route, context.schemas);
  const takesInput = parameters.length > 0 || body !== undefined;
  return {
    ...texts(route, context),
    operationId: id,
    tags: [method.parent.typeName],
    ...(parameters.length > 0 && { parameters: [...parameters] }),
    ...(body && { requestBody: body }),
    responses: {
      [route.success.status]: answer(route, context),
      ...(isCacheable(route) && { "304": { $ref: "#/components/responses/NotModified" } }),
      ...(takesInput && { "400": { $ref: "#/components/responses/BadRequest" } }),
      ...(access.audience !== Audience.PUBLIC && { "401": { $ref: "#/components/responses/Unauthenticated" } }),
      ...(isForRoles(access) && { "403": { $ref: "#/components/responses/PermissionDenied" } }),
      ...(rateLimits.length > 0 && { "429": { $ref: "#/components/responses/ResourceExhausted" } }),
      default: { $ref: `#/components/responses/${method.parent.file.proto.package}` },
    },
    security: security(access),
    ...(method.deprecated && { deprecated: true }),
    "x-rpc": `${method.parent.typeName}/${method.name}`,
    ...(method.methodKind !== "unary" && { "x-streaming": method.methodKind }),
  };
}

/** Whether the answer has an ETag. */
export function isCacheable({ httpMethod, policy, success }: Route): boolean {
  const { method } = policy;
  return isRead({ method: httpMethod }, method) && isUnary(method) && success.status === 200;
}

/** Whether being signed in is not enough. */
function isForRoles({ audience, roles }: Access): boolean {
  return audience === Audience.UNSPECIFIED && roles.length > 0;
}

/** For bearer tokens the list holds roles (OpenAPI 3.1, Security Requirement Object); one of them is enough. */
function security(access: Access): Schema[] {
  if (access.audience === Audience.PUBLIC) return [];
  return isForRoles(access) ? access.roles.map((role) => ({ bearer: [role] })) : [{ bearer: [] }];
}

function texts({ policy, body }: Route, { sourceOf }: OperationContext): Schema {
  const { method, access } = policy;
  const comment = sourceOf(method)?.comment ?? "";
  const [summary = "", rest = ""] = splitSentence(comment);
  const who = isForRoles(access) ? `Needs the role ${access.roles.map((role) => `\`${role}\``).join(" or ")}.` : "";
  // With the whole request as body they are in its schema.
  const rules = body === "*" ? [] : celNotes(messageRulesOf(method.input));
  const description = [rest, ...rules, who, ...limitsOf(policy), ...ageOf(policy), ...endOf(policy)]
    .filter((text) => text !== "")
    .join("\n\n");
  return { ...(summary !== "" && { summary }), ...described(description) };
}

/** How often one client may call. */
function limitsOf({ rateLimits }: Route["policy"]): string[] {
  return rateLimits.map(({ per, requests, periodMs, burst }) => {
    const whose = per === "user" ? "user" : "client address";
    return `At most ${requests} calls in ${periodMs / 1_000} s for each ${whose}, ${burst} at once.`;
  });
}

/** How old an answer may be. */
function ageOf({ caching }: Route["policy"]): string[] {
  return caching ? [`An answer may be ${caching.maxAgeMs / 1_000} s old.`] : [];
}

/** What a deprecated method's contract says of its end. */
function endOf({ deprecation }: Route["policy"]): string[] {
  if (deprecation === undefined) return [];
  const { since, sunset, successor } = deprecation;
  const day = (date: Date) => date.toISOString().slice(0, 10);
  const gone = sunset ? `, may be gone from ${day(sunset)} on` : "";
  const next = successor === "" ? "" : ` Use \`${successor}\`.`;
  return [`Deprecated since ${day(since)}${gone}.${next}`];
}

/** The first sentence without its full stop, and what follows. */
function splitSentence(comment: string): [first: string, rest: string] {
  const end = /[.](?=\s|$)/.exec(comment)?.index ?? comment.length;
  return [comment.slice(0, end).replaceAll("\n", " "), comment.slice(end + 1).trim()];
}

function answer(route: Route, { schemas, sourceOf }: OperationContext): Schema {
  const { output } = route.policy.method;
  const field = route.responseBody === "" ? undefined : fieldOf(output, route.responseBody);
  // What a well-known type says of itself says nothing of the answer.
  const named = field !== undefined || wellKnownSchema(output.typeName) === undefined;
  const description = (named && sourceOf(field ?? output)?.comment) || "The answer.";
  if (route.success.status === 204) return { description };
  if (route.rawAnswer) return { ...bytes(), description };
  const { description: _, ...schema } = field ? schemas.field(field) : schemas.message(output);
  if (isServerStreaming(route.policy.method)) return streamAnswer(description, schema);
  const location = route.success.location?.text;
  return {
    description,
    ...(location !== undefined && { headers: { Location: locationHeader(location) } }),
    ...(isCacheable(route) && { headers: cacheHeaders }),
    content: { "application/json": { schema } },
  };
}

const cacheHeaders: Schema = {
  ETag: { description: "Names this content: send it back as If-None-Match.", schema: { type: "string" } },
  "Cache-Control": { schema: { type: "string" } },
};

function locationHeader(template: string): Schema {
  return { description: `Where it is: \`${template}\`.`, schema: { type: "string", format: "uri-reference" } };
}

/** The forms of a stream among which Accept chooses. */
function streamAnswer(description: string, schema: Schema): Schema {
  const failure = 'A failure on the way is a last `{"error": …}`, and the answer is broken off.';
  return {
    description: `${description}\n\nA stream: one message a line, one an event (\`data\`), or one an element. ${failure}`,
    content: {
      "application/x-ndjson": { schema },
      "text/event-stream": { schema },
      "application/json": { schema: { type: "array", items: schema } },
    },
  };
}
