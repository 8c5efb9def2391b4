import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Code } from "#gen/google/rpc/code_pb.ts";
import {
  BalanceAlgorithm,
  BalanceSchema,
  BreakerSchema,
  BulkheadSchema,
  FallbackSchema,
  HedgeSchema,
  RetryBudgetSchema,
  RetrySchema,
} from "#gen/heddle/v1/policy_pb.ts";
import type { CallPolicy } from "./call-policy.ts";
import { changedOrder, changePolicy, changeServer, type Files, found } from "./order-contract.fixture.ts";
import { readContract } from "./read-contract.ts";

/** How the methods of a changed order contract are called, by name. */
function policiesAfter(change: (files: Files) => void): (name: string) => CallPolicy {
  const { methods } = readContract(changedOrder(change));
  return (name) => found([...methods.values()].find((read) => read.method.name === name)).calls;
}

describe("how a method is called", () => {
  it("is what its service says, for those that may be repeated", () => {
    const policyOf = policiesAfter(({ service }) =>
      changeServer(service, (value) => Object.assign(value, { retry: create(RetrySchema, { maxAttempts: 5 }) })),
    );
    expect(policyOf("GetOrder").retry).toMatchObject({ maxAttempts: 5, initialBackoffMs: 25 });
    expect(policyOf("PlaceOrder").retry).toBeUndefined();
  });

  it("is what it says itself, each part as a whole", () => {
    const policyOf = policiesAfter(({ service }) => {
      changeServer(service, (value) =>
        Object.assign(value, {
          retry: create(RetrySchema, { maxAttempts: 5 }),
          bulkhead: create(BulkheadSchema, { maxConcurrent: 7 }),
        }),
      );
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, {
          retry: create(RetrySchema, { initialBackoff: create(DurationSchema, { seconds: 1n }) }),
          breaker: create(BreakerSchema, { off: true }),
        }),
      );
    });
    expect(policyOf("GetOrder")).toMatchObject({
      retry: { maxAttempts: 3, initialBackoffMs: 1000, maxBackoffMs: 1000 },
      breaker: undefined,
      bulkhead: { maxConcurrent: 7, maxQueue: 1024 },
      own: { breaker: true, bulkhead: false },
    });
  });

  it("is without retries where the contract says one attempt", () => {
    const policyOf = policiesAfter(({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, { retry: create(RetrySchema, { maxAttempts: 1 }) }),
      ),
    );
    expect(policyOf("GetOrder").retry).toBeUndefined();
  });

  it("repeats attempts that were cut short", () => {
    const policyOf = policiesAfter(({ service }) =>
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, {
          retry: create(RetrySchema, { attemptTimeout: create(DurationSchema, { seconds: 1n }) }),
        }),
      ),
    );
    expect(policyOf("GetOrder").retry).toMatchObject({
      attemptTimeoutMs: 1000,
      codes: new Set([Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED]),
    });
  });

  it("is hedged instead of retried where the contract says so", () => {
    const policyOf = policiesAfter(({ service }) =>
      changePolicy(service, "GetOrder", (value) => Object.assign(value, { hedge: create(HedgeSchema) })),
    );
    expect(policyOf("GetOrder")).toMatchObject({
      retry: undefined,
      hedge: { maxAttempts: 2, quantile: 0.95, minDelayMs: 5, minSamples: 100 },
    });
  });

  it("has no limit of retries, keeps to an endpoint and falls back where the contract says so", () => {
    const policyOf = policiesAfter(({ service }) => {
      changeServer(service, (value) =>
        Object.assign(value, { budget: create(RetryBudgetSchema, { unlimited: true }) }),
      );
      changePolicy(service, "GetOrder", (value) =>
        Object.assign(value, {
          balance: create(BalanceSchema, { algorithm: BalanceAlgorithm.RING_HASH, affinity: "id", panicThreshold: 0 }),
          fallback: create(FallbackSchema, {
            answer: { case: "cached", value: create(DurationSchema, { seconds: 9n }) },
          }),
        }),
      );
    });
    expect(policyOf("GetOrder")).toMatchObject({
      budget: undefined,
      balance: { algorithm: "ring_hash", affinity: { name: "id" }, panicThreshold: 0 },
      fallback: { answer: "cached", maxAgeMs: 9000 },
    });
  });
});
