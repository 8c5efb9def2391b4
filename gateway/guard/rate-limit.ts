import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { QuotaFailureSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { MethodPolicy, RateLimitPolicy } from "#mesh/contract";
import type { User } from "#mesh/identity";
import { appendHeader } from "../http/answer-head.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Allowance, Verdict } from "./allowance.ts";
import type { ClientOf } from "./client-address.ts";
import type { RateLimitStore } from "./rate-limit-store.ts";

/** What a limiter works with. */
export interface RateLimiterOptions {
  readonly store: RateLimitStore;
  readonly clientOf: ClientOf;
  /** Times what the contracts allow; 0 for no limits at all. */
  readonly factor: number;
}

/**
 * Holds clients to the rate limits of the contracts. Both throw ResourceExhausted with RetryInfo for a call too many,
 * and tell the client where it stands in RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11).
 */
export interface RateLimiter {
  /** Takes a call of the limits by address: before the token is looked at, so that guessing is limited as well. */
  byAddress(exchange: Exchange, policy: MethodPolicy): Promise<void>;
  /** Takes a call of the limits by user. */
  byUser(exchange: Exchange, policy: MethodPolicy, user: User | undefined): Promise<void>;
}

/** A limit of one method, ready to be taken from. */
interface Limit {
  readonly per: RateLimitPolicy["per"];
  /** Name of the quota policy, such as "user-60". */
  readonly name: string;
  /** Quota policy item. */
  readonly item: string;
  readonly key: string;
  readonly rule: string;
  readonly allowance: Allowance;
}

/** Creates the limiter. */
export function createRateLimiter({ store, clientOf, factor }: RateLimiterOptions): RateLimiter {
  const compiled = new WeakMap<MethodPolicy, Record<Limit["per"], readonly Limit[]>>();

  function limitsOf(policy: MethodPolicy): Record<Limit["per"], readonly Limit[]> {
    const known = compiled.get(policy);
    if (known) return known;
    const limits = factor === 0 ? [] : policy.rateLimits.map((limit) => compileLimit(limit, policy, factor));
    const of = (subject: Limit["per"]) => limits.filter(({ per }) => per === subject);
    const bySubject = { address: of("address"), user: of("user") };
    compiled.set(policy, bySubject);
    return bySubject;
  }

  async function take(exchange: Exchange, limits: readonly Limit[], user: User | undefined): Promise<void> {
    if (limits.length === 0) return;
    const who = user ? `user ${user.id}` : clientOf(exchange);
    for (const limit of limits) {
      const taken = store.take(`${limit.key} ${who}`, limit.allowance);
      const verdict = "then" in taken ? await taken : taken;
      appendHeader(exchange, "ratelimit-policy", limit.item);
      appendHeader(exchange, "ratelimit", `"${limit.name}";r=${verdict.remaining};t=${seconds(verdict)}`);
      if (verdict.allowed) continue;
      exchange.notes.limited = limit.name;
      throw tooMany(limit, verdict);
    }
  }

  return {
    byAddress: (exchange, policy) => take(exchange, limitsOf(policy).address, undefined),
    byUser: (exchange, policy, user) => take(exchange, limitsOf(policy).user, user),
  };
}

function compileLimit(limit: RateLimitPolicy, { method }: MethodPolicy, factor: number): Limit {
  const { per, periodMs } = limit;
  const requests = Math.max(1, Math.round(limit.requests * factor));
  const burst = Math.max(1, Math.round(limit.burst * factor));
  const window = Math.ceil(periodMs / 1_000);
  const name = `${per}-${window}`;
  return {
    per,
    name,
    item: `"${name}";q=${requests};w=${window}`,
    key: `${method.parent.typeName}/${method.name} ${per} ${periodMs}`,
    rule: `${method.name} takes ${requests} calls in ${window} s from one ${per === "user" ? "user" : "address"}`,
    allowance: { intervalMs: periodMs / requests, burst },
  };
}

function tooMany({ rule, name }: Limit, verdict: Verdict): ConnectError {
  const error = new ConnectError(`${rule}: try again in ${seconds(verdict)} s`, Code.ResourceExhausted);
  const delay = durationFromMs(Math.ceil(verdict.nextMs));
  error.details.push(
    { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: delay }) },
    {
      desc: QuotaFailureSchema,
      value: create(QuotaFailureSchema, { violations: [{ subject: name, description: rule }] }),
    },
  );
  return error;
}

/** Until one more call is possible, in whole seconds: the draft's effective window, and Retry-After. */
function seconds({ nextMs }: Verdict): number {
  return Math.ceil(nextMs / 1_000);
}
