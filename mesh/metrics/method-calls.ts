import type { DescMethod } from "@bufbuild/protobuf";
import { Histogram, LATENCY_BOUNDS } from "./histogram.ts";

/** Calls of one method, or attempts of them, by the status that they ended with. */
export class MethodCalls {
  readonly method: DescMethod;
  started = 0;
  readonly #byCode: Histogram[] = [];

  constructor(method: DescMethod) {
    this.method = method;
  }

  ended(code: number, durationMs: number): void {
    let histogram = this.#byCode[code];
    if (!histogram) {
      histogram = new Histogram(LATENCY_BOUNDS);
      this.#byCode[code] = histogram;
    }
    histogram.record(durationMs / 1000);
  }

  /** Durations in seconds of those that have ended, by status code of gRPC. */
  byCode(): readonly { readonly code: number; readonly histogram: Histogram }[] {
    return [...this.#byCode.entries()].flatMap(([code, histogram]) => (histogram ? [{ code, histogram }] : []));
  }

  /** Durations in seconds of all that have ended. */
  all(): Histogram {
    const all = new Histogram(LATENCY_BOUNDS);
    for (const { histogram } of this.byCode()) all.add(histogram);
    return all;
  }
}
