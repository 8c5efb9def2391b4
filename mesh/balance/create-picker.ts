import type { BalanceAlgorithmName } from "#mesh/contract";
import { createLeastRequests } from "./least-requests.ts";
import type { Picker } from "./picker.ts";
import { createRandom } from "./random.ts";
import { createRingHash } from "./ring-hash.ts";
import { createRoundRobin } from "./round-robin.ts";
import { createWeighted } from "./weighted.ts";

const pickers = {
  least_requests: createLeastRequests,
  random: createRandom,
  ring_hash: createRingHash,
  round_robin: createRoundRobin,
  weighted: createWeighted,
} satisfies Record<BalanceAlgorithmName, (random: () => number) => Picker>;

/** Returns what chooses by an algorithm. `random` draws from 0 to under 1. */
export function createPicker(algorithm: BalanceAlgorithmName, random: () => number): Picker {
  return pickers[algorithm](random);
}
