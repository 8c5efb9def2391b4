import type { Match } from "#gen/heddle/mesh/v1/traffic_pb.ts";

/** What rules of traffic can see of a call. */
export interface TrafficCall {
  /** Full name of the method, such as "shop.catalog.v1.CatalogService/GetProduct". */
  readonly method: string;
  /** Value of a header by its lower-case name. */
  readonly header: (name: string) => string | undefined | null;
  /** Id of the verified user for whom it is made. */
  readonly user: string | undefined;
}

/** Whether a call is one of those that a rule is about. */
export function matches(match: Match | undefined, { method, header, user }: TrafficCall): boolean {
  if (!match) return true;
  const { methods, users, headers } = match;
  if (methods.length > 0 && !methods.includes(method)) return false;
  if (users.length > 0 && (user === undefined || !users.includes(user))) return false;
  return headers.every(({ name, value }) => {
    const actual = header(name) ?? undefined;
    return actual !== undefined && (value === undefined || actual === value);
  });
}

/** Whether a rule is about all calls. */
export function matchesAll(match: Match | undefined): boolean {
  return !match || match.methods.length + match.users.length + match.headers.length === 0;
}
