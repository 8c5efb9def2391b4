import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { policy, type RateLimit, RateLimitSubject } from "#gen/heddle/v1/policy_pb.ts";
import type { RateLimitPolicy } from "./contract.ts";
import type { Faults } from "./faults.ts";
import { readDuration } from "./read-duration.ts";
import { readNumber } from "./read-number.ts";

const calls = { min: 1, max: 1_000_000 };
const period = { option: "rate_limits.period", defaultMs: 60_000, minMs: 1_000, maxMs: 86_400_000 };

const subjects: ReadonlyMap<RateLimitSubject, RateLimitPolicy["per"]> = new Map([
  [RateLimitSubject.UNSPECIFIED, "user"],
  [RateLimitSubject.USER, "user"],
  [RateLimitSubject.ADDRESS, "address"],
]);

/** Reads and checks how often one client may call a method. */
export function readRateLimits(method: DescMethod, faults: Faults): RateLimitPolicy[] {
  const limits = getOption(method, policy).rateLimits.map((limit) => readRateLimit(limit, method, faults));
  const names = limits.map(({ per, periodMs }) => `${per} and ${periodMs} ms`);
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice) faults.add(method, `it has two limits per ${twice}`, "keep the stricter one");
  return limits;
}

function readRateLimit(limit: RateLimit, method: DescMethod, faults: Faults): RateLimitPolicy {
  const per = subjects.get(limit.per);
  if (!per) faults.add(method, `there is no rate_limits.per ${limit.per}`, "name a RateLimitSubject");
  const requests = readNumber(limit.requests, method, { option: "rate_limits.requests", default: 1, ...calls }, faults);
  return {
    per: per ?? "user",
    requests,
    periodMs: readDuration(limit.period, method, period, faults),
    burst: readNumber(limit.burst, method, { option: "rate_limits.burst", default: requests, ...calls }, faults),
  };
}
