/** Bounds of latency in seconds, by gRFC A66. */
export const A66_BOUNDS: readonly number[] = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];

/** Bounds of latency in seconds, by default of the Prometheus clients, and so of go-grpc's interceptors. */
export const GO_GRPC_BOUNDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Bounds of both: what is recorded once can be told by either. */
export const LATENCY_BOUNDS: readonly number[] = [...new Set([...A66_BOUNDS, ...GO_GRPC_BOUNDS])].sort((a, b) => a - b);

/** Counts values by size. Recording allocates nothing. */
export class Histogram {
  count = 0;
  sum = 0;
  readonly #bounds: readonly number[];
  /** How many values are over the bound before and not over this one; the last place is over all bounds. */
  readonly #counts: Float64Array;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    this.count++;
    this.sum += value;
    let [low, high] = [0, this.#bounds.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (this.#bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
  }

  /** Values that are not over each of `bounds`, which must be among its own. */
  upTo(bounds: readonly number[]): number[] {
    let [place, counted] = [0, 0];
    return bounds.map((bound) => {
      for (; (this.#bounds[place] ?? Number.POSITIVE_INFINITY) <= bound; place++) counted += this.#counts[place] ?? 0;
      return counted;
    });
  }

  /** Adds what another one with the same bounds has counted. */
  add(other: Histogram): void {
    this.count += other.count;
    this.sum += other.sum;
    for (const [place, more] of other.#counts.entries()) this.#counts[place] = (this.#counts[place] ?? 0) + more;
  }
}
