import type { Endpoint } from "./endpoint.ts";
import { hashText } from "./hash.ts";
import type { Picker } from "./picker.ts";

/** Points on the ring for a weight of 1. With 160 the shares of equal endpoints differ by about 8 %. */
const pointsPerWeight = 160;

interface Ring {
  readonly hashes: Uint32Array;
  readonly owners: readonly Endpoint[];
}

/**
 * Chooses the endpoint that owns the place of the call's key on a ring (consistent hashing, as gRFC A42). How many
 * points an endpoint has depends on nobody else, so that another's coming or going moves that one's keys alone. (Except
 * that weights beyond 10 are all brought down by a power of ten, to keep the ring small.) An endpoint that may not be
 * chosen stays on the ring, and its keys go to whoever comes next. Without a key: by chance.
 */
export function createRingHash(): Picker {
  let ring: Ring = { hashes: new Uint32Array(), owners: [] };
  return {
    update(endpoints) {
      ring = createRing(endpoints);
    },
    pick(eligible, { key, random }) {
      const place = key === undefined ? Math.floor(random() * 2 ** 32) : hashText(key);
      const allowed = new Set(eligible.map(({ id }) => id));
      const start = firstAtOrAfter(ring.hashes, place);
      for (let step = 0; step < ring.owners.length; step++) {
        const owner = ring.owners[(start + step) % ring.owners.length];
        if (owner && allowed.has(owner.id)) return owner;
      }
      return eligible[0];
    },
  };
}

function createRing(endpoints: readonly Endpoint[]): Ring {
  const greatest = Math.max(1, ...endpoints.map(({ weight }) => weight));
  const scale = 10 ** Math.max(0, Math.ceil(Math.log10(greatest)) - 1);
  const points = endpoints.flatMap((owner) => {
    const count = Math.max(1, Math.round((owner.weight * pointsPerWeight) / scale));
    return Array.from({ length: count }, (_, index) => ({ hash: hashText(`${owner.id}#${index}`), owner }));
  });
  // Two points in one place: the id decides, not the order in which the endpoints came.
  points.sort((a, b) => a.hash - b.hash || (a.owner.id < b.owner.id ? -1 : 1));
  return { hashes: Uint32Array.from(points, ({ hash }) => hash), owners: points.map(({ owner }) => owner) };
}

function firstAtOrAfter(hashes: Uint32Array, place: number): number {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((hashes[middle] ?? 0) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}
