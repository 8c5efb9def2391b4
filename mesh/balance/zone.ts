import type { Endpoint } from "./endpoint.ts";

/** How much more than its share a zone can bear: Envoy's overprovisioning factor, 140 %. */
const overprovisioning = 1.4;

/**
 * Narrows endpoints down to the caller's own zone for as many calls as its healthy part can bear: all of them while at
 * least 72 % of the zone is well, then fewer and fewer, so that a failing zone is not crushed by its own callers. The
 * rest spills over to the other zones.
 */
export function preferZone(
  eligible: readonly Endpoint[],
  all: readonly Endpoint[],
  { zone, random }: { readonly zone: string; readonly random: () => number },
): readonly Endpoint[] {
  if (!zone) return eligible;
  const local = eligible.filter((endpoint) => endpoint.zone === zone);
  if (local.length === 0 || local.length === eligible.length) return eligible;
  const known = all.filter((endpoint) => endpoint.zone === zone && endpoint.state !== "draining").length;
  const bearable = (local.length / known) * overprovisioning;
  if (random() < bearable) return local;
  return eligible.filter((endpoint) => endpoint.zone !== zone);
}
