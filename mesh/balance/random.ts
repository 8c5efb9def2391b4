import type { Endpoint } from "./endpoint.ts";
import type { Picker } from "./picker.ts";

/** Chooses by chance, in proportion to the weights. */
export function createRandom(): Picker {
  return {
    update: () => undefined,
    pick: (eligible, { random }) => drawByWeight(eligible, random),
  };
}

/** Draws one of several endpoints in proportion to their weights. */
export function drawByWeight(eligible: readonly [Endpoint, ...Endpoint[]], random: () => number): Endpoint {
  const total = eligible.reduce((sum, { weight }) => sum + weight, 0);
  let point = random() * total;
  for (const endpoint of eligible) {
    point -= endpoint.weight;
    if (point < 0) return endpoint;
  }
  return eligible[0];
}
