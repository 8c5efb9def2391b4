import type { DescMethod } from "@bufbuild/protobuf";
import type { ClientMeter, FurtherAttempts } from "#mesh/target";
import type { Family, Labels } from "./family.ts";
import { A66_BOUNDS, Histogram, LATENCY_BOUNDS } from "./histogram.ts";
import { methodName, statusName } from "./labels.ts";
import { MethodCalls } from "./method-calls.ts";

/** What is counted where a process calls others. */
export interface ClientMetrics {
  /** Counts the calls of one method of a target, those of all callers in the process together. */
  meterOf(target: string, method: DescMethod): ClientMeter;
  families(): Family[];
}

/** Bounds by gRFC A96. */
const RETRY_BOUNDS = [1, 2, 3, 4, 5];
const TRANSPARENT_BOUNDS = [1, 2, 3, 4, 5, 10];

export function createClientMetrics(): ClientMetrics {
  // By name: a contract that is read again has other descriptors, and the same methods.
  const byTarget = new Map<string, Map<string, CountedCalls>>();

  function countedOf(target: string, method: DescMethod): CountedCalls {
    const methods = byTarget.get(target) ?? new Map<string, CountedCalls>();
    byTarget.set(target, methods);
    const counted = methods.get(methodName(method)) ?? new CountedCalls(target, method);
    methods.set(methodName(method), counted);
    return counted;
  }

  return {
    meterOf: countedOf,
    families() {
      const all = [...byTarget.values()].flatMap((methods) => [...methods.values()]);
      return [...attemptFamilies(all), ...callFamilies(all), ...copyFamilies(all)];
    },
  };
}

class CountedCalls implements ClientMeter {
  readonly labels: Labels;
  readonly calls: MethodCalls;
  readonly attempts: MethodCalls;
  readonly copies: MethodCalls;
  copiesDropped = 0;
  readonly retries = new Histogram(RETRY_BOUNDS);
  readonly transparentRetries = new Histogram(TRANSPARENT_BOUNDS);
  readonly hedges = new Histogram(RETRY_BOUNDS);
  readonly retryDelay = new Histogram(LATENCY_BOUNDS);

  constructor(target: string, method: DescMethod) {
    this.labels = { grpc_method: methodName(method), grpc_target: target };
    this.calls = new MethodCalls(method);
    this.attempts = new MethodCalls(method);
    this.copies = new MethodCalls(method);
  }

  attemptStarted(): void {
    this.attempts.started++;
  }

  attemptEnded(code: number, durationMs: number): void {
    this.attempts.ended(code, durationMs);
  }

  callEnded(code: number, durationMs: number, further: FurtherAttempts | undefined): void {
    this.calls.ended(code, durationMs);
    if (!further) return;
    // A call without any is not counted as one with none (gRFC A96).
    if (further.retries > 0) this.retries.record(further.retries);
    if (further.transparentRetries > 0) this.transparentRetries.record(further.transparentRetries);
    if (further.hedges > 0) this.hedges.record(further.hedges);
    if (further.delayMs > 0) this.retryDelay.record(further.delayMs / 1000);
  }

  copyEnded(code: number, durationMs: number): void {
    this.copies.ended(code, durationMs);
  }

  copyDropped(): void {
    this.copiesDropped++;
  }
}

function attemptFamilies(all: readonly CountedCalls[]): Family[] {
  return [
    {
      ...{ type: "counter", name: "grpc_client_attempt_started_total", help: "Attempts that have begun." },
      samples: all.map(({ labels, attempts }) => ({ labels, value: attempts.started })),
    },
    {
      ...{ type: "histogram", name: "grpc_client_attempt_duration_seconds", help: "Time of an attempt." },
      bounds: A66_BOUNDS,
      samples: all.flatMap(({ labels, attempts }) => byStatus(labels, attempts)),
    },
  ];
}

function callFamilies(all: readonly CountedCalls[]): Family[] {
  const counts = (pick: (counted: CountedCalls) => Histogram) =>
    all.filter((one) => pick(one).count > 0).map((one) => ({ labels: one.labels, histogram: pick(one) }));
  return [
    {
      ...{ type: "histogram", name: "grpc_client_call_duration_seconds", help: "Time of a call with all attempts." },
      bounds: A66_BOUNDS,
      samples: all.flatMap(({ labels, calls }) => byStatus(labels, calls)),
    },
    {
      ...{ type: "histogram", name: "grpc_client_call_retries", help: "Retries of calls that had any." },
      ...{ bounds: RETRY_BOUNDS, samples: counts(({ retries }) => retries) },
    },
    {
      ...{ type: "histogram", name: "grpc_client_call_transparent_retries" },
      help: "Transparent retries of calls that had any.",
      ...{ bounds: TRANSPARENT_BOUNDS, samples: counts(({ transparentRetries }) => transparentRetries) },
    },
    {
      ...{ type: "histogram", name: "grpc_client_call_hedges", help: "Hedges of calls that had any." },
      ...{ bounds: RETRY_BOUNDS, samples: counts(({ hedges }) => hedges) },
    },
    {
      ...{ type: "histogram", name: "grpc_client_call_retry_delay_seconds" },
      help: "Time without an attempt under way, of calls that had any.",
      ...{ bounds: A66_BOUNDS, samples: counts(({ retryDelay }) => retryDelay) },
    },
  ];
}

function copyFamilies(all: readonly CountedCalls[]): Family[] {
  return [
    {
      ...{ type: "histogram", name: "heddle_client_mirrored_duration_seconds", help: "Time of a mirrored call." },
      bounds: A66_BOUNDS,
      samples: all.flatMap(({ labels, copies }) => byStatus(labels, copies)),
    },
    {
      ...{ type: "counter", name: "heddle_client_mirrored_dropped_total" },
      help: "Copies that were not sent: too many under way, or no instance of the version.",
      samples: all.map(({ labels, copiesDropped: value }) => ({ labels, value })),
    },
  ];
}

function byStatus(labels: Labels, calls: MethodCalls) {
  return calls.byCode().map(({ code, histogram }) => ({
    labels: { ...labels, grpc_status: statusName(code) },
    histogram,
  }));
}
