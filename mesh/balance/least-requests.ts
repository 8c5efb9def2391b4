import type { Endpoint } from "./endpoint.ts";
import type { Picker } from "./picker.ts";

/**
 * Draws two endpoints and chooses the one with fewer calls under way for its weight (power of two choices; gRFC A48
 * with its default choice_count of 2). A slow endpoint keeps its calls longer and so gets fewer.
 */
export function createLeastRequests(): Picker {
  return {
    update: () => undefined,
    pick(eligible, { random, inFlight }) {
      const first = Math.floor(random() * eligible.length);
      if (eligible.length === 1) return eligible[0];
      // The second is drawn among the others, so that two different ones are compared.
      const second = (first + 1 + Math.floor(random() * (eligible.length - 1))) % eligible.length;
      const one = eligible[first] ?? eligible[0];
      const other = eligible[second] ?? eligible[0];
      return busyness(other, inFlight) < busyness(one, inFlight) ? other : one;
    },
  };
}

/** How busy an endpoint would be with one more call. */
function busyness(endpoint: Endpoint, inFlight: (endpoint: Endpoint) => number): number {
  return (inFlight(endpoint) + 1) / endpoint.weight;
}
