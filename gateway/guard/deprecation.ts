import { didYouMean, type MethodPolicy } from "#mesh/contract";
import { StartError } from "#mesh/process";
import { appendHeader } from "../http/answer-head.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Route, RouteTable } from "../rest/route-table.ts";

/** Says in the headers of an answer, whatever becomes of the call, that its method is deprecated. */
export type AnnounceDeprecation = (exchange: Exchange, policy: MethodPolicy) => void;

/**
 * Creates what announces deprecations by Deprecation (RFC 9745), Sunset (RFC 8594) and a Link to the successor-version
 * (RFC 5829): for REST the path of the successor's route with the same values, else the successor's rpc.
 * Throws a StartError for a successor that is not served here.
 */
export function createDeprecation(policies: readonly MethodPolicy[], table: RouteTable): AnnounceDeprecation {
  const names = new Map(policies.map((policy) => [nameOf(policy), policy]));
  for (const policy of policies) checkSuccessor(policy, names);
  return (exchange, policy) => {
    const { deprecation } = policy;
    if (deprecation === undefined) return;
    const { headers } = exchange;
    headers.deprecation = `@${Math.floor(deprecation.since.getTime() / 1_000)}`;
    if (deprecation.sunset) headers.sunset = deprecation.sunset.toUTCString();
    const successor = names.get(deprecation.successor);
    const link = successor && linkOf(exchange, { policy, successor, table });
    if (link !== undefined) appendHeader(exchange, "link", `<${link}>; rel="successor-version"`);
  };
}

function nameOf({ method }: MethodPolicy): string {
  return `${method.parent.typeName}.${method.name}`;
}

function checkSuccessor(policy: MethodPolicy, names: ReadonlyMap<string, MethodPolicy>): void {
  const successor = policy.deprecation?.successor ?? "";
  if (successor === "" || names.has(successor)) return;
  throw new StartError(
    `${policy.method.parent.file.name}.proto: ${nameOf(policy)}: its successor "${successor}" is not served here. ` +
      `Mend: name a method that is, with its package${didYouMean(successor, [...names.keys()])}.`,
  );
}

interface Succession {
  readonly policy: MethodPolicy;
  readonly successor: MethodPolicy;
  readonly table: RouteTable;
}

/** Undefined where the successor has no route that the request's values could fill. */
function linkOf({ method, path }: Exchange, { policy, successor, table }: Succession): string | undefined {
  if (path === `/${policy.method.parent.typeName}/${policy.method.name}`) {
    return `/${successor.method.parent.typeName}/${successor.method.name}`;
  }
  const match = table.match(method === "HEAD" ? "GET" : method, path);
  if (!match.found) return undefined;
  const values = new Map(match.route.variables.map(({ path: field }, index) => [field, match.values[index] ?? ""]));
  const routes = table.routes.filter((route) => route.policy.method === successor.method);
  return routes.map((route) => fill(route, values)).find((filled) => filled !== undefined);
}

/** Fills a template whose variables are single segments. */
function fill({ template }: Route, values: ReadonlyMap<string, string>): string | undefined {
  const { segments, variables, verb } = template;
  const parts = segments.map((segment, index) => {
    if (segment.kind === "literal") return encodeURIComponent(segment.text);
    const variable = variables.find(({ start, multi }) => start === index && !multi);
    const value = variable && values.get(variable.field);
    return value === undefined ? undefined : encodeURIComponent(value);
  });
  if (parts.includes(undefined)) return undefined;
  return `/${parts.join("/")}${verb === "" ? "" : `:${encodeURIComponent(verb)}`}`;
}
