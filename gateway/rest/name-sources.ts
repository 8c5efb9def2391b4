import { ConnectError } from "@connectrpc/connect";
import { type BadRequest, BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { Source } from "../http/edge-error.ts";
import type { Route } from "./route-table.ts";

/**
 * Puts in front of each field violation that a service has found where its value came from, as the binder does with
 * its own: "path: ", "query: " or what the body is called. Other errors stay as they are.
 */
export function nameSources(route: Route, error: ConnectError, bodySource: "body" | "form"): ConnectError {
  if (error.findDetails(BadRequestSchema).length === 0) return error;
  const named = new ConnectError(error.rawMessage, error.code, error.metadata, undefined, error.cause);
  named.details = error.details.map((detail) => withSources(route, detail, bodySource));
  return named;
}

type Detail = ConnectError["details"][number];

function withSources(route: Route, detail: Detail, bodySource: Source): Detail {
  const [refusal] = refusalsIn(detail);
  if (refusal === undefined) return detail;
  const fieldViolations = refusal.fieldViolations.map((violation) => {
    const source = sourceOf(route, violation.field, bodySource);
    return source ? { ...violation, description: `${source}: ${violation.description}` } : violation;
  });
  return { desc: BadRequestSchema, value: { ...refusal, fieldViolations } };
}

/** The BadRequest that a detail is, if it is one. */
function refusalsIn(detail: Detail): BadRequest[] {
  const alone = new ConnectError("");
  alone.details = [detail];
  return alone.findDetails(BadRequestSchema);
}

/** Undefined for a path that leads nowhere in the request. */
function sourceOf({ policy, variables, body }: Route, field: string, bodySource: Source): Source | undefined {
  const path = field.replaceAll(/\[[^\]]*\]/g, "");
  const [top = ""] = path.split(".", 1);
  if (!policy.method.input.fields.some(({ name }) => name === top)) return undefined;
  if (variables.some((variable) => variable.path === path)) return "path";
  return body === "*" || body === top ? bodySource : "query";
}
