import type { DescMessage } from "@bufbuild/protobuf";
import { fieldText } from "./request-field.ts";
import type { Route } from "./route-table.ts";
import { hasNamedFields } from "./well-known-text.ts";

/** Paths of the request's fields that neither the path nor the query nor the body of a route can set. */
export function unreachableFields(route: Route): string[] {
  // A message that comes by a WebSocket comes whole.
  if (route.body === "*" || route.onlyBySocket) return [];
  return unreachableIn(route.policy.method.input, { route, prefix: "", around: [] });
}

interface Place {
  readonly route: Route;
  readonly prefix: string;
  /** The messages that lead here: one that holds itself would go on without end. */
  readonly around: readonly DescMessage[];
}

function unreachableIn(message: DescMessage, { route, prefix, around }: Place): string[] {
  return message.fields.flatMap((field) => {
    const path = `${prefix}${field.name}`;
    const bound = path === route.body || route.variables.some((variable) => variable.path === path);
    if (bound || fieldText(field) !== undefined) return [];
    if (field.fieldKind !== "message" || !hasNamedFields(field.message)) return [path];
    const seen = [...around, message];
    if (seen.includes(field.message)) return [];
    return unreachableIn(field.message, { route, prefix: `${path}.`, around: seen });
  });
}
