import type { Route, RouteTable } from "./route-table.ts";
import type { PlaceOf } from "./rule-place.ts";
import { covers, overlaps, pathsOf, sharedPath } from "./template-sets.ts";
import { unreachableFields } from "./unreachable-fields.ts";

/** What the routes stand beside. */
export interface LintOptions {
  /** Paths of rpcs, which are answered before any route is looked at. */
  readonly rpcPaths: readonly string[];
  /** Paths that the gateway answers itself on GET, such as "/healthz". */
  readonly ownPaths: readonly string[];
  readonly placeOf: PlaceOf;
}

/**
 * Looks for rules that can be served but are hardly meant: each finding tells file, line, rpc, what is odd, and the mend.
 * Routes that no request reaches; paths that two templates take, neither of which is the narrower one; paths of rpcs and
 * of the gateway among those of a route; a body where HTTP gives it no meaning; fields that no request can set.
 */
export function lintRoutes(table: RouteTable, options: LintOptions): string[] {
  const say = ({ policy }: Route, problem: string, mend: string) =>
    `${options.placeOf(policy.method)}: ${problem}. Mend: ${mend}.`;
  return [
    ...table.routes.flatMap((route) => [
      ...reachFindings(route, table, options).map((problem) => say(route, problem, "give it a path of its own")),
      ...bodyFindings(route).map((problem) => say(route, problem, "use post, or leave out the body")),
    ]),
    ...ambiguities(table).map(([route, problem]) => say(route, problem, "tell the paths apart by a literal")),
    ...fieldFindings(table).map(([route, problem]) => say(route, problem, 'name it as body, or use a body of "*"')),
  ];
}

/** By the matcher itself: paths of the template that are answered by somebody else. */
function reachFindings(route: Route, table: RouteTable, { rpcPaths, ownPaths }: LintOptions): string[] {
  const { template } = route;
  const method = route.httpMethod === "*" ? "ANY" : route.httpMethod;
  const own = nameOf(route);
  const taken = [...rpcPaths, ...(method === "GET" || method === "ANY" ? ownPaths : [])];
  const lost = taken.filter((path) => routeAt(table, method, path) === route);
  const paths = pathsOf(template.segments, template.verb).filter((path) => !taken.includes(path));
  const others = paths.map((path) => routeAt(table, method, path)).filter((other) => other !== route);
  if (others.length === paths.length) {
    const who = [...others.flatMap((other) => (other ? [nameOf(other)] : [])), ...lost];
    return [`${own} is never reached: its paths belong to ${[...new Set(who)].join(", ")}`];
  }
  return lost.map((path) => `${own} does not get ${path}, which is answered before the routes are looked at`);
}

function routeAt(table: RouteTable, method: string, path: string): Route | undefined {
  const match = table.match(method, path);
  return match.found ? match.route : undefined;
}

const withoutBody = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** RFC 9110, section 9.3: content of these has no meaning, and some proxies drop it or refuse the request. */
function bodyFindings({ httpMethod, body, template }: Route): string[] {
  if (body === "" || !withoutBody.has(httpMethod)) return [];
  return [`${httpMethod} ${template.text} has a body, which HTTP gives no meaning and some clients cannot send`];
}

function ambiguities(table: RouteTable): [Route, string][] {
  return table.routes.flatMap((route, index) =>
    table.routes.slice(0, index).flatMap((earlier): [Route, string][] => {
      const [a, b] = [earlier.template, route.template];
      const same = earlier.httpMethod === route.httpMethod && a.verb === b.verb;
      if (!same || !overlaps(a.segments, b.segments)) return [];
      if (covers(a.segments, b.segments) || covers(b.segments, a.segments)) return [];
      const path = `${sharedPath(a.segments, b.segments)}${a.verb === "" ? "" : `:${a.verb}`}`;
      const winner = routeAt(table, route.httpMethod, path) ?? route;
      return [[route, `${nameOf(route)} and ${nameOf(earlier)} both take ${path}, which goes to ${nameOf(winner)}`]];
    }),
  );
}

/** A field that one of the method's rules reaches is reached. */
function fieldFindings({ routes }: RouteTable): [Route, string][] {
  return [...Map.groupBy(routes, ({ policy }) => policy.method).values()].flatMap((ofMethod) => {
    const [first] = ofMethod;
    if (first === undefined) return [];
    const lost = ofMethod.map(unreachableFields).reduce((all, some) => all.filter((path) => some.includes(path)));
    return lost.map((path): [Route, string] => [first, `no request can set ${path}: it has no form in a query`]);
  });
}

function nameOf({ httpMethod, template, policy }: Route): string {
  return `${httpMethod} ${template.text} (${policy.method.name})`;
}
