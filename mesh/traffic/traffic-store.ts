import { create } from "@bufbuild/protobuf";
import { type TrafficRules, TrafficRulesSchema } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import type { Bucket, BucketSpec } from "#mesh/nats";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { formatTrafficRules, parseTrafficRules } from "./parse-rules.ts";

/** The rules of traffic of all targets, the same in every process of the mesh. */
export interface TrafficStore extends Part {
  /** The rules of a target as far as they are known here; undefined for none. Costs next to nothing. */
  rules(target: string): TrafficRules | undefined;
  /** Asks the broker. Throws BrokerFault when it is away. */
  read(target: string): Promise<TrafficRules>;
  /**
   * Replaces the rules of a target; empty ones take them away. Every process follows within moments.
   * Throws a TrafficRulesError for rules that make no sense, BrokerFault when the broker is away.
   */
  write(target: string, rules: TrafficRules): Promise<void>;
}

/** The bucket that the rules live in, one entry a target. */
export function trafficBucket(replicas: number): BucketSpec {
  return { name: "heddle_traffic", ttlMs: 0, storage: "file", replicas };
}

/**
 * Follows the rules of traffic in a bucket. As long as the broker is away, what was known last stays in force; so it
 * does when an entry makes no sense.
 */
export function createTrafficStore(bucket: Bucket, log: Logger): TrafficStore {
  const known = new Map<string, TrafficRules>();
  let end: (() => void) | undefined;

  function follow(target: string, json: Uint8Array): void {
    try {
      known.set(target, parseTrafficRules(Buffer.from(json).toString("utf8")));
      log.info({ target }, "the rules of traffic have changed");
    } catch (error) {
      log.error({ target, error: String(error) }, "rules of traffic make no sense: the last good ones stay");
    }
  }

  return {
    name: "rules of traffic",
    rules: (target) => known.get(target),
    async read(target) {
      const json = await bucket.get(target);
      return json ? parseTrafficRules(Buffer.from(json).toString("utf8")) : create(TrafficRulesSchema);
    },
    async write(target, rules) {
      const { routes, faults, mirrors } = rules;
      if (routes.length + faults.length + mirrors.length === 0) await bucket.remove(target);
      else await bucket.put(target, Buffer.from(formatTrafficRules(rules)));
    },
    async start() {
      end = bucket.follow({
        onEntry(target, json) {
          if (json) follow(target, json);
          else known.delete(target);
        },
        onFollowing() {},
        onLost() {},
      });
    },
    async stop() {
      end?.();
    },
  };
}
