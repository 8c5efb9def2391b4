import type { EjectionPolicy } from "#mesh/contract";
import type { Verdict } from "./code-class.ts";
import { createSlidingWindow, failsTooOften, type SlidingWindow } from "./sliding-window.ts";

/** An endpoint as an operator sees it. */
export interface EjectionSnapshot {
  readonly id: string;
  /** Until when it is left out, in milliseconds of the caller's clock; undefined when it is not. */
  readonly ejectedUntil: number | undefined;
  /** How often in a row it was ejected; falls by one with each `baseMs` that it does well. */
  readonly times: number;
  readonly consecutiveFailures: number;
}

/** Leaves out endpoints that fail while others do not (outlier detection). */
export interface Ejection {
  /** The set has changed: those that are gone are forgotten, the others keep their past. */
  update(ids: readonly string[]): void;
  /** Returns whether the endpoint is left out from now on. */
  record(id: string, verdict: Verdict, now: number): boolean;
  isEjected(id: string, now: number): boolean;
  snapshot(now: number): readonly EjectionSnapshot[];
  /** How many ejections there were in all. */
  ejections(): number;
}

interface Host {
  readonly window: SlidingWindow;
  consecutive: number;
  times: number;
  until: number;
}

export function createEjection(policy: EjectionPolicy): Ejection {
  const hosts = new Map<string, Host>();
  let ejections = 0;

  /** Half of two may go, though it is less than one of three: at least one, but never all. */
  function mayEject(now: number): boolean {
    const ejected = [...hosts.values()].filter(({ until }) => until > now).length;
    const share = Math.floor((hosts.size * policy.maxPercent) / 100);
    const most = policy.maxPercent === 0 ? 0 : Math.max(1, share);
    return ejected < Math.min(most, hosts.size - 1);
  }

  function eject(host: Host, now: number): void {
    // Each stretch of good behaviour takes one ejection off its record (Envoy, gRFC A50).
    const good = host.until > 0 ? Math.floor((now - host.until) / policy.baseMs) : 0;
    host.times = Math.max(0, host.times - good) + 1;
    host.until = now + Math.min(policy.maxMs, policy.baseMs * host.times);
    host.consecutive = 0;
    ejections++;
    host.window.clear();
  }

  return {
    update(ids) {
      const staying = new Set(ids);
      for (const id of hosts.keys()) if (!staying.has(id)) hosts.delete(id);
      for (const id of staying) {
        if (hosts.has(id)) continue;
        hosts.set(id, { window: createSlidingWindow(policy.windowMs), consecutive: 0, times: 0, until: 0 });
      }
    },
    record(id, verdict, now) {
      const host = hosts.get(id);
      // What was sent before the ejection, or in a panic, neither lengthens nor shortens it.
      if (!host || verdict === "nothing" || host.until > now) return false;
      host.window.add(verdict === "success", now);
      host.consecutive = verdict === "success" ? 0 : host.consecutive + 1;
      if (verdict === "success") return false;
      const bad = host.consecutive >= policy.consecutiveFailures || failsTooOften(host.window.count(now), policy);
      const ejects = bad && mayEject(now);
      if (ejects) eject(host, now);
      return ejects;
    },
    ejections: () => ejections,
    isEjected: (id, now) => (hosts.get(id)?.until ?? 0) > now,
    snapshot: (now) =>
      [...hosts].map(([id, { until, times, consecutive }]) => {
        return { id, ejectedUntil: until > now ? until : undefined, times, consecutiveFailures: consecutive };
      }),
  };
}
