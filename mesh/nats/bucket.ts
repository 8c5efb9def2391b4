import { setTimeout } from "node:timers/promises";
import { type KV, type KvEntry, type NatsConnection, type QueuedIterator, StorageType } from "nats";
import type { Logger } from "#mesh/telemetry";
import type { Connection } from "./connection.ts";
import { toBrokerFault } from "./to-broker-fault.ts";

/** What a bucket is. */
export interface BucketSpec {
  /** Letters, digits, "-" and "_". */
  readonly name: string;
  /** How long an entry lives that is not written again, in milliseconds; 0 for ever. */
  readonly ttlMs: number;
  /** "memory" for what is written again all the time anyway. */
  readonly storage: "file" | "memory";
  /** Copies in a cluster. */
  readonly replicas: number;
}

/** What somebody is told who follows a bucket. */
export interface BucketFollower {
  /** The entry as it is now, first for every entry that exists. Undefined: it was removed. An expired one is not told. */
  onEntry(key: string, value: Uint8Array | undefined): void;
  /** From now on every change is told at once, until onLost. */
  onFollowing(): void;
  /** Changes may be missed from now on. */
  onLost(): void;
}

/** A key-value bucket of JetStream, created when it is first needed. */
export interface Bucket {
  /** Throws BrokerFault "away" when the broker is. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** The value now; undefined where there is none. Throws BrokerFault. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Throws BrokerFault. */
  remove(key: string): Promise<void>;
  /** Tells of every entry from now on, over lost connections too. Returns what ends it. */
  follow(follower: BucketFollower): () => void;
}

/** How long an answer of the server is waited for, in milliseconds. */
const timeoutMs = 5_000;
/** Pause before a bucket that could not be followed is tried again, in milliseconds. */
const retryMs = 500;
/**
 * How often a bucket is read anew as a whole, in milliseconds. One that was deleted and made again counts from 1, and
 * who waits for the number after the last one hears nothing for a long time.
 */
const rereadMs = 60_000;

/** Opens a bucket on a connection that comes and goes. */
export function openBucket(connection: Connection, spec: BucketSpec, log: Logger): Bucket {
  const buckets = new WeakMap<NatsConnection, Promise<KV>>();

  function bucketOf(nats: NatsConnection): Promise<KV> {
    const known = buckets.get(nats);
    if (known) return known;
    const storage = spec.storage === "memory" ? StorageType.Memory : StorageType.File;
    const { ttlMs, replicas } = spec;
    const opened = nats
      .jetstream({ timeout: timeoutMs })
      .views.kv(spec.name, { storage, replicas, history: 1, ...(ttlMs > 0 && { ttl: ttlMs }) });
    buckets.set(nats, opened);
    opened.catch(() => buckets.delete(nats));
    return opened;
  }

  async function use<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    try {
      const nats = connection.current();
      try {
        return await work(await bucketOf(nats));
      } catch (error) {
        // The bucket may have vanished with a server that kept it in memory: the next one makes it again.
        buckets.delete(nats);
        throw error;
      }
    } catch (error) {
      throw toBrokerFault(error);
    }
  }

  async function followOnce(follower: BucketFollower, ended: AbortSignal): Promise<void> {
    let entries: QueuedIterator<KvEntry> | undefined;
    const end = () => entries?.stop();
    const stopListening = connection.onLost(end);
    ended.addEventListener("abort", end);
    const reread = globalThis.setTimeout(end, rereadMs);
    try {
      entries = await use((bucket) => bucket.watch({ initializedFn: () => follower.onFollowing() }));
      if (ended.aborted) end();
      for await (const { key, operation, value } of entries) {
        follower.onEntry(key, operation === "PUT" ? value : undefined);
      }
    } finally {
      clearTimeout(reread);
      ended.removeEventListener("abort", end);
      stopListening();
      end();
      follower.onLost();
    }
  }

  async function keepFollowing(follower: BucketFollower, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        await followOnce(follower, ended);
      } catch (error) {
        log.debug({ bucket: spec.name, error: toBrokerFault(error).message }, "cannot follow the bucket, trying again");
        await setTimeout(retryMs, undefined, { signal: ended, ref: false }).catch(() => undefined);
      }
    }
  }

  return {
    put: (key, value) => use(async (bucket) => void (await bucket.put(key, value))),
    get: (key) =>
      use(async (bucket) => {
        const entry = await bucket.get(key);
        return entry?.operation === "PUT" ? entry.value : undefined;
      }),
    remove: (key) => use((bucket) => bucket.delete(key)),
    follow(follower) {
      const ended = new AbortController();
      void keepFollowing(follower, ended.signal);
      return () => ended.abort();
    },
  };
}
