import type { Endpoint } from "./endpoint.ts";

/** Who is left out of a pick. */
export interface LeftOut {
  /** Endpoints that the same call has tried. */
  readonly tried: ReadonlySet<string>;
  /** Whether an endpoint is ejected for now. */
  readonly ejected: (id: string) => boolean;
  /** All are used when less than this part of them is well, 0 to 1. */
  readonly panicThreshold: number;
}

/** The endpoints that a call may go to, and why not fewer. */
export interface Eligible {
  readonly endpoints: readonly Endpoint[];
  /** Too few were well, so all are used. */
  readonly panic: boolean;
  /** All were tried by the call, so one is tried again. */
  readonly again: boolean;
}

/**
 * Leaves out the endpoints that are not well and those that the call has tried, but never all: when too few are well
 * the news about them is doubted (a panic, as Envoy calls it) and all that do not drain are used, and when every one was
 * tried, they are tried again. Empty only when there are no endpoints.
 */
export function eligibleOf(all: readonly Endpoint[], { tried, ejected, panicThreshold }: LeftOut): Eligible {
  const staying = all.filter(({ state }) => state !== "draining");
  const pool = staying.length > 0 ? staying : all;
  const well = pool.filter(({ id, state }) => state === "serving" && !ejected(id));
  const panic = well.length === 0 || well.length / pool.length < panicThreshold;
  const usable = panic ? pool : well;
  const fresh = tried.size === 0 ? usable : usable.filter(({ id }) => !tried.has(id));
  if (fresh.length > 0) return { endpoints: fresh, panic, again: false };
  return { endpoints: usable, panic, again: usable.length > 0 };
}
