import type { Bucket, BucketSpec } from "#mesh/nats";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { type Instance, parseInstance } from "./instance.ts";
import type { Publish, Source } from "./source.ts";

/** An instance and when it was last heard of. */
export interface KnownInstance {
  readonly instance: Instance;
  /** Milliseconds since the last heartbeat arrived here. */
  readonly heardMsAgo: number;
}

/** Who is there: every instance says so itself, again and again. */
export interface Registry extends Part, Source {
  /** Whether changes are heard at the moment. */
  readonly following: boolean;
  /** Every instance that is known. */
  instances(): KnownInstance[];
  /** Calls back after each change in who is there, with nothing: ask instances(). Returns what ends that. */
  onChange(listener: () => void): () => void;
}

/** How the registry keeps time. */
export interface RegistryTimes {
  /** Pause between two heartbeats of an instance, in milliseconds. Default 2000. */
  readonly heartbeatMs?: number;
  /** An instance that was not heard of for this long is gone, in milliseconds. Default 10 000. */
  readonly lifeMs?: number;
}

const heartbeatMs = 2_000;
const lifeMs = 10_000;

/** Fills in the defaults. */
export function registryTimes(times: RegistryTimes = {}): Required<RegistryTimes> {
  return { heartbeatMs: times.heartbeatMs ?? heartbeatMs, lifeMs: times.lifeMs ?? lifeMs };
}

/** The bucket that the registry lives in. What it holds is said again within seconds, so memory is good enough. */
export function registryBucket(replicas: number): BucketSpec {
  // The dead are taken out by those who listen; the bucket forgets them later, so as not to grow.
  return { name: "heddle_instances", ttlMs: 60_000, storage: "memory", replicas };
}

/**
 * Follows the registry in a bucket, whose keys are <service>.<instance id>.
 *
 * An instance is gone when it has signed off, when another has started at its address, or when it was not heard of for
 * `lifeMs` while changes could be heard. As long as they cannot, because the broker is away or this process stood still,
 * nobody is taken out: what was known last is the best there is.
 */
export function createRegistry(bucket: Bucket, log: Logger, times: RegistryTimes = {}): Registry {
  const { lifeMs } = registryTimes(times);
  const known = new Map<string, { instance: Instance; heardAt: number }>();
  const watches = new Set<{ service: string; publish: Publish }>();
  const listeners = new Set<() => void>();
  let following = false;
  let end: (() => void) | undefined;
  let expiry: NodeJS.Timeout | undefined;
  let checkedAt = 0;

  function changed(services: ReadonlySet<string>): void {
    for (const { service, publish } of watches) if (services.has(service)) publish(of(service));
    for (const listener of listeners) listener();
  }

  function of(service: string): Instance[] {
    return [...known.values()].map(({ instance }) => instance).filter((instance) => instance.service === service);
  }

  function heard(key: string, value: Uint8Array): void {
    let instance: Instance;
    try {
      instance = parseInstance(value);
    } catch (error) {
      log.warn({ key, error: String(error) }, "the registry holds an entry that is no instance");
      return;
    }
    const others = [...known].filter(([other, { instance: one }]) => other !== key && atSameAddress(one, instance));
    if (others.some(([, { instance: one }]) => one.id > instance.id)) return;
    // In one change: whoever calls must not see the address leave and come back.
    for (const [other] of others) known.delete(other);
    const before = known.get(key)?.instance;
    known.set(key, { instance, heardAt: performance.now() });
    if (!same(before, instance)) changed(new Set([instance.service]));
  }

  function gone(keys: readonly string[], why: string): void {
    const services = new Set<string>();
    for (const key of keys) {
      const instance = known.get(key)?.instance;
      if (!instance) continue;
      known.delete(key);
      services.add(instance.service);
      log.info({ service: instance.service, instance: instance.id, address: instance.address }, why);
    }
    if (services.size > 0) changed(services);
  }

  /** Nobody could be heard until now: everybody gets a whole life to say so again. */
  function hearAnew(): void {
    for (const entry of known.values()) entry.heardAt = performance.now();
  }

  function expire(): void {
    const now = performance.now();
    // Timers come before what has arrived while the process stood still: stopped, suspended, or in one long loop.
    if (now - checkedAt > lifeMs / 2) hearAnew();
    checkedAt = now;
    if (!following) return;
    const limit = now - lifeMs;
    const late = [...known].filter(([, { heardAt }]) => heardAt < limit).map(([key]) => key);
    gone(late, "an instance was not heard of for too long");
  }

  return {
    name: "registry",
    get following() {
      return following;
    },
    instances() {
      const now = performance.now();
      return [...known.values()].map(({ instance, heardAt }) => ({ instance, heardMsAgo: now - heardAt }));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watch(service, publish) {
      const watch = { service, publish };
      watches.add(watch);
      const instances = of(service);
      if (instances.length > 0) publish(instances);
      return () => watches.delete(watch);
    },
    async start() {
      checkedAt = performance.now();
      expiry = setInterval(expire, lifeMs / 4).unref();
      end = bucket.follow({
        onEntry(key, value) {
          if (value) heard(key, value);
          else gone([key], "an instance has signed off");
        },
        onFollowing() {
          following = true;
          hearAnew();
        },
        onLost() {
          following = false;
        },
      });
    },
    async stop() {
      clearInterval(expiry);
      end?.();
    },
  };
}

/** Whether one of the two is the other's predecessor: ids grow with time (UUIDv7). */
function atSameAddress(a: Instance, b: Instance): boolean {
  return a.service === b.service && a.address === b.address;
}

/** Load alone is news, too: balancing goes by it. */
function same(a: Instance | undefined, b: Instance): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
