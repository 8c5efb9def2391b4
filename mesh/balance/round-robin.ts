import type { Endpoint } from "./endpoint.ts";
import type { Picker } from "./picker.ts";

/**
 * Chooses one after the other. Begins at an endpoint drawn by chance: callers that start together would otherwise all
 * begin with the same one. An endpoint that may not be chosen is passed over; the others keep their turns.
 */
export function createRoundRobin(random: () => number): Picker {
  let ring: readonly Endpoint[] = [];
  let turn = random();
  return {
    update(endpoints) {
      // Before the first set the turn is a fraction of the circle, since its length is not known.
      if (ring.length === 0) turn = Math.floor(turn * endpoints.length);
      ring = endpoints;
    },
    pick(eligible) {
      const allowed = eligible.length === ring.length ? undefined : new Set(eligible.map(({ id }) => id));
      for (let step = 0; step < ring.length; step++) {
        const endpoint = ring[(turn + step) % ring.length];
        if (!endpoint || (allowed && !allowed.has(endpoint.id))) continue;
        turn = (turn + step + 1) % ring.length;
        return endpoint;
      }
      return eligible[0];
    },
  };
}
