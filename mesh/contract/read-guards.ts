import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Admission, Breaker, Bulkhead, Ejection } from "#gen/heddle/v1/policy_pb.ts";
import type { AdmissionPolicy, BreakerPolicy, BulkheadPolicy, EjectionPolicy } from "./call-policy.ts";
import type { Faults } from "./faults.ts";
import { readDuration } from "./read-duration.ts";
import { readNumber } from "./read-number.ts";

type Declaring = DescMethod | DescService;

const rate = { default: 0.5, min: 0, max: 1, overMin: true };
const volume = { default: 20, min: 1, max: 100_000 };
const window = { defaultMs: 10_000, minMs: 1000, maxMs: 600_000 };

/** Reads when a breaker opens and closes; undefined for no breaker. */
export function readBreaker(
  breaker: Breaker | undefined,
  element: Declaring,
  faults: Faults,
): BreakerPolicy | undefined {
  const count = (option: string, value: number | undefined, [standard, max]: [number, number]) =>
    readNumber(value, element, { option: `breaker.${option}`, default: standard, min: 1, max }, faults);
  const policy = {
    consecutiveFailures: count("consecutive_failures", breaker?.consecutiveFailures, [10, 1000]),
    failureRate: readNumber(breaker?.failureRate, element, { option: "breaker.failure_rate", ...rate }, faults),
    minVolume: readNumber(breaker?.minVolume, element, { option: "breaker.min_volume", ...volume }, faults),
    windowMs: readDuration(breaker?.window, element, { option: "breaker.window", ...window }, faults),
    openMs: readDuration(
      breaker?.openFor,
      element,
      { option: "breaker.open_for", defaultMs: 5000, maxMs: 600_000 },
      faults,
    ),
    probes: count("probes", breaker?.probes, [1, 100]),
    successesToClose: count("successes_to_close", breaker?.successesToClose, [3, 100]),
    probeDeadlineMs: readDuration(
      breaker?.probeDeadline,
      element,
      { option: "breaker.probe_deadline", defaultMs: 5000, maxMs: 300_000 },
      faults,
    ),
  };
  return isOff("breaker", breaker, element, faults) ? undefined : policy;
}

/** Reads how much may be under way; undefined for no bulkhead. */
export function readBulkhead(
  bulkhead: Bulkhead | undefined,
  element: Declaring,
  faults: Faults,
): BulkheadPolicy | undefined {
  const size = { default: 1024, max: 100_000 };
  const concurrent = { option: "bulkhead.max_concurrent", min: 1, ...size };
  const queue = { option: "bulkhead.max_queue", min: 0, ...size };
  const wait = { option: "bulkhead.max_wait", defaultMs: 1000, maxMs: 300_000 };
  const policy = {
    maxConcurrent: readNumber(bulkhead?.maxConcurrent, element, concurrent, faults),
    maxQueue: readNumber(bulkhead?.maxQueue, element, queue, faults),
    maxWaitMs: readDuration(bulkhead?.maxWait, element, wait, faults),
  };
  return isOff("bulkhead", bulkhead, element, faults) ? undefined : policy;
}

/** Reads when an endpoint is left out; undefined for never. */
export function readEjection(
  ejection: Ejection | undefined,
  service: DescService,
  faults: Faults,
): EjectionPolicy | undefined {
  const consecutive = { option: "ejection.consecutive_failures", default: 5, min: 1, max: 1000 };
  const baseTime = { option: "ejection.base_time", defaultMs: 5000, maxMs: 300_000 };
  const baseMs = readDuration(ejection?.baseTime, service, baseTime, faults);
  const maxTime = { option: "ejection.max_time", defaultMs: 300_000, minMs: baseMs, maxMs: 3_600_000 };
  const percent = { option: "ejection.max_percent", default: 50, min: 0, max: 100 };
  const policy = {
    consecutiveFailures: readNumber(ejection?.consecutiveFailures, service, consecutive, faults),
    failureRate: readNumber(ejection?.failureRate, service, { option: "ejection.failure_rate", ...rate }, faults),
    minVolume: readNumber(ejection?.minVolume, service, { option: "ejection.min_volume", ...volume }, faults),
    windowMs: readDuration(ejection?.window, service, { option: "ejection.window", ...window }, faults),
    baseMs,
    maxMs: readDuration(ejection?.maxTime, service, maxTime, faults),
    maxPercent: readNumber(ejection?.maxPercent, service, percent, faults),
  };
  return isOff("ejection", ejection, service, faults) ? undefined : policy;
}

/** Reads what a server refuses at once; undefined for nothing. */
export function readAdmission(
  admission: Admission | undefined,
  service: DescService,
  faults: Faults,
): AdmissionPolicy | undefined {
  const lag = { option: "admission.max_event_loop_lag", defaultMs: 1000, maxMs: 60_000 };
  const quantile = { option: "admission.quantile", default: 0.5, min: 0, max: 1, underMax: true };
  const samples = { option: "admission.min_samples", default: 100, min: 10, max: 10_000 };
  const policy = {
    maxEventLoopLagMs: readDuration(admission?.maxEventLoopLag, service, lag, faults),
    quantile: readNumber(admission?.quantile, service, quantile, faults),
    minSamples: readNumber(admission?.minSamples, service, samples, faults),
  };
  return isOff("admission", admission, service, faults) ? undefined : policy;
}

/** Whether a part is switched off. One that is off and says more means something that it does not get. */
function isOff(name: string, part: { off: boolean } | undefined, element: Declaring, faults: Faults): boolean {
  if (!part?.off) return false;
  const said = Object.entries(part).filter(
    ([key, value]) => !key.startsWith("$") && key !== "off" && value !== undefined,
  );
  if (said.length > 0) faults.add(element, `${name} is off and says more`, "drop off or the rest");
  return true;
}
