import { createHash } from "node:crypto";
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  nanos,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import { BrokerFault, type ConsumerSpec, type StreamSpec } from "../broker.ts";

/** The configuration of a stream as it is sent to every supported server. */
export function streamConfig(stream: StreamSpec) {
  return {
    name: stream.name,
    subjects: [stream.subject],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: stream.replicas,
    // A full stream must refuse, never forget: the outbox keeps what was refused.
    discard: DiscardPolicy.New,
    max_bytes: stream.maxBytes,
    max_age: nanos(stream.maxAgeMs),
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: stream.maxMessageBytes,
    duplicate_window: nanos(stream.duplicateWindowMs),
    allow_direct: true,
    deny_delete: stream.sealed,
    deny_purge: stream.sealed,
  } satisfies Partial<StreamConfig>;
}

/**
 * The configuration of a consumer. Servers before 2.10 know one filter subject only, and drop a list of them
 * without a word: they get the widest, unless one exact subject is all that is wanted.
 */
export function consumerConfig(consumer: ConsumerSpec, serverVersion: string) {
  const exact = consumer.subjects.length === 1 || supportsFilterLists(serverVersion);
  const subjects = exact ? consumer.subjects : [consumer.widest];
  const hash = createHash("sha256").update(subjects.join(" ")).digest("hex").slice(0, 8);
  const [only] = subjects;
  return {
    durable_name: `${consumer.name}__${hash}`,
    ...(subjects.length === 1 && only !== undefined ? { filter_subject: only } : { filter_subjects: [...subjects] }),
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(consumer.ackWaitMs),
    // The service counts deliveries and keeps its own dead letters.
    max_deliver: -1,
    max_ack_pending: consumer.maxAckPending,
  } satisfies Partial<ConsumerConfig>;
}

/** Throws BrokerFault "drift" naming every setting that differs from the wanted one, and how to mend it. */
export function requireEqual(what: string, wanted: object, actual: object, mend: string): void {
  const differences = Object.entries(wanted).flatMap(([name, value]) => {
    const found: unknown = Reflect.get(actual, name);
    return comparable(found) === comparable(value)
      ? []
      : [`${name} is ${JSON.stringify(found) ?? "missing"} and should be ${JSON.stringify(value)}`];
  });
  if (differences.length > 0) {
    throw new BrokerFault("drift", `${what}: ${differences.join("; ")}. ${mend}`);
  }
}

function comparable(value: unknown): string {
  // Servers leave false out.
  return JSON.stringify(Array.isArray(value) ? value.toSorted() : (value ?? false));
}

function supportsFilterLists(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}
