import type { Endpoint } from "./endpoint.ts";
import { hashText } from "./hash.ts";

/**
 * Returns the endpoints that one caller keeps to, so that not everyone has a connection to everyone: those with the
 * highest hash of the caller's seed and their id (rendezvous hashing, as gRFC A68). An endpoint that comes or goes
 * changes at most one place in each subset. 0 for all endpoints. The order is that of `endpoints`.
 */
export function subsetOf(endpoints: readonly Endpoint[], size: number, seed: string): readonly Endpoint[] {
  if (size <= 0 || size >= endpoints.length) return endpoints;
  const ranked = endpoints
    .map(({ id }) => ({ id, rank: hashText(`${seed}/${id}`) }))
    .sort((a, b) => b.rank - a.rank || (a.id < b.id ? -1 : 1));
  const chosen = new Set(ranked.slice(0, size).map(({ id }) => id));
  return endpoints.filter(({ id }) => chosen.has(id));
}
