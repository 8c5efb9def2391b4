import { hasEffect } from "../guard/idempotency.ts";
import type { Route } from "../rest/route-table.ts";
import { isCacheable } from "./operation.ts";
import type { Schema } from "./value-schema.ts";

const idempotencyKey: Schema = {
  name: "Idempotency-Key",
  in: "header",
  description:
    "Names the request, so that it has its effect once however often it is sent: the same key with the same body gets the first answer again, with another body 422.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

const ifNoneMatch: Schema = {
  name: "If-None-Match",
  in: "header",
  description: "The ETag of an answer that the client has: 304 when nothing has changed.",
  schema: { type: "string" },
};

/** Describes the headers by which the gateway itself does something for a route. */
export function headerParameters(route: Route): Schema[] {
  const { httpMethod, policy } = route;
  if (isCacheable(route)) return [ifNoneMatch];
  return httpMethod === "POST" && hasEffect(policy) ? [idempotencyKey] : [];
}
