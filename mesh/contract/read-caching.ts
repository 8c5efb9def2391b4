import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Audience, policy } from "#gen/heddle/v1/policy_pb.ts";
import type { CachingPolicy } from "./contract.ts";
import type { Faults } from "./faults.ts";
import { readDuration } from "./read-duration.ts";

const maxAge = { option: "caching.max_age", defaultMs: 0, minMs: 1_000, maxMs: 365 * 86_400_000 };

/** Reads and checks how old a method's answers may be. */
export function readCaching(method: DescMethod, faults: Faults): CachingPolicy | undefined {
  const { caching, access } = getOption(method, policy);
  if (caching === undefined) return undefined;
  if (method.idempotency !== IdempotencyLevel.NO_SIDE_EFFECTS || method.methodKind !== "unary") {
    faults.add(method, "answers are cached of unary methods with NO_SIDE_EFFECTS only", "drop caching");
  }
  if (caching.maxAge === undefined) faults.add(method, "caching has no max_age", "say how old an answer may be");
  if (caching.shared && access?.audience !== Audience.PUBLIC) {
    faults.add(
      method,
      "it shares answers that not everyone may see",
      "drop caching.shared, or open it to AUDIENCE_PUBLIC",
    );
  }
  return { maxAgeMs: readDuration(caching.maxAge, method, maxAge, faults), shared: caching.shared };
}
