import { Code } from "@connectrpc/connect";
import { EdgeError } from "../http/edge-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { nearestTemplate } from "./nearest-template.ts";
import type { Route, RouteTable } from "./route-table.ts";

/** A route with the values of its template's variables. */
export interface FoundRoute {
  readonly route: Route;
  readonly values: readonly string[];
}

/**
 * Finds the route of a request; HEAD is answered by the route of GET. Throws 404 that names the nearest template, and
 * 405 with the methods that the path has.
 */
export function findRoute(table: RouteTable, { method, path }: Pick<Exchange, "method" | "path">): FoundRoute {
  const match = table.match(method, path);
  if (match.found && match.route.httpMethod !== "*") return match;
  // A rule for all methods comes last, also after what GET says about HEAD.
  const best = method === "HEAD" ? table.match("GET", path) : match;
  if (best.found) return best;
  throw best.methods.length === 0 ? notFound(table, path) : notAllowed(method, best.methods);
}

/** Methods that a path has, for Allow: HEAD comes with GET, OPTIONS with everything. */
export function allowedMethods(methods: readonly string[]): string[] {
  if (methods.length === 0) return [];
  const all = new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"]);
  return [...all].sort();
}

function notFound({ routes }: RouteTable, path: string): EdgeError {
  const near = nearestTemplate(path, routes);
  const hint = near === undefined ? "" : `; did you mean ${near.httpMethod} ${near.template.text}?`;
  return new EdgeError(`there is nothing at this path${hint}`, Code.NotFound);
}

function notAllowed(method: string, methods: readonly string[]): EdgeError {
  const allow = allowedMethods(methods).join(", ");
  return new EdgeError(`this path takes ${allow}, not ${method}`, Code.Unimplemented, {
    status: 405,
    headers: { Allow: allow },
  });
}
