import type { Registry } from "@bufbuild/protobuf";
import type { MethodPolicy } from "#mesh/contract";
import { StartError } from "#mesh/process";
import { compileRoute, type Route } from "./compile-route.ts";
import { defaultMappingRules, type MappingRules } from "./mapping-rules.ts";
import { createRouteTree, type Match } from "./match.ts";
import type { Template } from "./route-template.ts";
import { RuleFault } from "./rule-fault.ts";

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

/** Compiles all rules of the given methods. Throws a RouteError that lists every fault. */
export function createRouteTable(
  policies: Iterable<MethodPolicy>,
  registry: Registry,
  mapping: MappingRules = defaultMappingRules,
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
        const { parent, name } = policy.method;
        faults.push(`${parent.file.name}.proto: ${parent.typeName}.${name}: ${fault.message}`);
      }
    }
  }
  if (faults.length > 0) throw new RouteError(`The HTTP rules cannot be served:\n${faults.join("\n")}`);
  return { routes, match: tree.match };
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
