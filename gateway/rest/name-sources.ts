import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { Source } from "../http/edge-error.ts";
import type { Route } from "./route-table.ts";

/**
 * Puts in front of each field violation that a service has found where its value came from, as the binder does with
 * its own: "path: ", "query: " or "body: ". Other errors stay as they are.
 */
export function nameSources(route: Route, error: ConnectError): ConnectError {
  const refusals = error.findDetails(BadRequestSchema);
  if (refusals.length === 0) return error;
  const named = new ConnectError(error.rawMessage, error.code, error.metadata, undefined, error.cause);
  const others = error.details.filter((detail) => typeNameOf(detail) !== BadRequestSchema.typeName);
  const sourced = refusals.map(({ fieldViolations }) => ({
    desc: BadRequestSchema,
    value: {
      fieldViolations: fieldViolations.map((violation) => {
        const source = sourceOf(route, violation.field);
        return source ? { ...violation, description: `${source}: ${violation.description}` } : violation;
      }),
    },
  }));
  named.details = [...sourced, ...others];
  return named;
}

function typeNameOf(detail: ConnectError["details"][number]): string {
  return "desc" in detail ? detail.desc.typeName : detail.type;
}

/** Undefined for a path that leads nowhere in the request. */
function sourceOf({ policy, variables, body }: Route, field: string): Source | undefined {
  const path = field.replaceAll(/\[[^\]]*\]/g, "");
  const [top = ""] = path.split(".", 1);
  if (!policy.method.input.fields.some(({ name }) => name === top)) return undefined;
  if (variables.some((variable) => variable.path === path)) return "path";
  return body === "*" || body === top ? "body" : "query";
}
