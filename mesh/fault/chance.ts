import { createHash } from "node:crypto";

/** A number from 0 up to 1 that depends on nothing but the seed, the name and the count: the same in every run. */
export function chance(seed: number, name: string, count: number): number {
  return createHash("sha256").update(`${seed}/${name}/${count}`).digest().readUInt32BE() / 2 ** 32;
}
