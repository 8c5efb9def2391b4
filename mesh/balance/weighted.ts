import type { Endpoint } from "./endpoint.ts";
import type { Picker } from "./picker.ts";
import { drawByWeight } from "./random.ts";
import { createStaticStride } from "./static-stride.ts";

/** Time constant of the smoothing, in milliseconds: what a report says counts for two thirds after so long. */
const smoothingMs = 5000;
/** Weights are worked out again so often at most, as weight_update_period of gRFC A58. */
const updateMs = 1000;
/** Part of its capacity that even a saturated endpoint is taken to have free: without calls it would never recover. */
const leastFree = 0.05;

/**
 * Chooses in turn, by declared weight and by the part of its event loop that each endpoint reports as free, smoothed.
 * An endpoint without a report has the mean of the others (gRFC A58). Differs from A58 where that divides calls by
 * utilisation: what is free needs no rate of calls from the endpoint.
 */
export function createWeighted(random: () => number): Picker {
  const smoothed = new Map<string, { free: number; at: number }>();
  let endpoints: readonly Endpoint[] = [];
  let next: (() => number) | undefined;
  let plannedAt = Number.NEGATIVE_INFINITY;
  return {
    update(changed) {
      endpoints = changed;
      const ids = new Set(changed.map(({ id }) => id));
      for (const id of smoothed.keys()) if (!ids.has(id)) smoothed.delete(id);
      next = undefined;
    },
    pick(eligible, { now, random: draw }) {
      if (!next || now - plannedAt >= updateMs) {
        for (const endpoint of endpoints) smooth(smoothed, endpoint, now);
        next = createStaticStride(weightsOf(endpoints, smoothed), Math.floor(random() * endpoints.length * 100));
        plannedAt = now;
      }
      // Every place has its turn within a few rounds; when too many may not be chosen, chance decides.
      const allowed = new Set(eligible.map(({ id }) => id));
      for (let tries = 0; tries < endpoints.length * 2; tries++) {
        const endpoint = endpoints[next()];
        if (endpoint && allowed.has(endpoint.id)) return endpoint;
      }
      return drawByWeight(eligible, draw);
    },
  };
}

function smooth(smoothed: Map<string, { free: number; at: number }>, { id, load }: Endpoint, now: number): void {
  if (load === undefined) {
    smoothed.delete(id);
    return;
  }
  const reported = Math.max(leastFree, 1 - load);
  const before = smoothed.get(id);
  const kept = before ? Math.exp(-(now - before.at) / smoothingMs) : 0;
  smoothed.set(id, { free: (before?.free ?? 0) * kept + reported * (1 - kept), at: now });
}

function weightsOf(endpoints: readonly Endpoint[], smoothed: Map<string, { free: number }>): number[] {
  const known = [...smoothed.values()].map(({ free }) => free);
  const mean = known.length > 0 ? known.reduce((sum, free) => sum + free, 0) / known.length : 1;
  return endpoints.map(({ id, weight }) => weight * (smoothed.get(id)?.free ?? mean));
}
