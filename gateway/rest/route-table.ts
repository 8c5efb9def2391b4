import type { DescMethod, Registry } from "@bufbuild/protobuf";
import type { MethodPolicy } from "#mesh/contract";
import { StartError } from "#mesh/process";
import { compileRoute, type Route } from "./compile-route.ts";
import { defaultMappingRules, type MappingRules } from "./mapping-rules.ts";
import { createRouteTree, type Match, type RouteTree } from "./match.ts";
import type { Template } from "./route-template.ts";
import { RuleFault } from "./rule-fault.ts";
import { createPlaceOf, type PlaceOf } from "./rule-place.ts";
import { pathsOf } from "./template-sets.ts";

export type { Route } from "./compile-route.ts";

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

/** How a table is made. */
export interface RouteTableOptions {
  /** Default: defaultMappingRules. */
  readonly mapping?: MappingRules;
  /** Default: file and rpc, and the line where the method's own file knows it. */
  readonly placeOf?: PlaceOf;
}

/** Compiles all rules of the given methods. Throws a RouteError that lists every fault. */
export function createRouteTable(
  policies: Iterable<MethodPolicy>,
  registry: Registry,
  { mapping = defaultMappingRules, placeOf = placeOfItself }: RouteTableOptions = {},
): RouteTable {
  const tree = createRouteTree<Route>();
  const routes: Route[] = [];
  const faults: string[] = [];
  const options = { ...mapping, registry };
  for (const policy of policies) {
    for (const rule of policy.http) {
      try {
        const route = compileRoute(policy, rule, options);
        if (!tree.add(route.httpMethod, route.template, route)) throw duplicate(route, routes);
        routes.push(route);
      } catch (fault) {
        if (!(fault instanceof RuleFault)) throw fault;
        faults.push(`${placeOf(policy.method)}: ${fault.message}`);
      }
    }
  }
  faults.push(...unservedLocations(routes, tree).map((route) => `${placeOf(route.policy.method)}: ${unserved(route)}`));
  if (faults.length > 0) throw new RouteError(`The HTTP rules cannot be served:\n${faults.join("\n")}`);
  return { routes, match: tree.match };
}

function placeOfItself(method: DescMethod): string {
  return createPlaceOf(() => [method.parent.file])(method);
}

/** Routes whose Location leads nowhere: no rule serves GET there. */
function unservedLocations(routes: readonly Route[], tree: RouteTree<Route>): Route[] {
  return routes.filter(({ success: { location } }) => {
    const paths = location ? pathsOf(location.segments, location.verb) : [];
    return paths.some((path) => !tree.match("GET", path).found);
  });
}

function unserved({ success: { location } }: Route): string {
  return new RuleFault(`success.created: no rule serves GET ${location?.text}`, "name the path of a get rule").message;
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
