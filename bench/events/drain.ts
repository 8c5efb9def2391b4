import { startChild } from "./child.ts";
import { median } from "./median.ts";
import type { Servers } from "./servers.ts";

/** How fast one relay drains an outbox, and its parts alone. Events a second, medians. */
export interface DrainResult {
  readonly relay: number;
  /** A bare client that publishes the same events. */
  readonly publishAlone: number;
  /** The UPDATE that marks them. */
  readonly markAlone: number;
  /** Publishing and marking by hand, one after the other: the relay reads besides. */
  readonly byHand: number;
}

const rounds = 3;
const warmUp = 10_000;
const events = 30_000;

/** Runs for about half a minute. */
export async function measureDrain({ postgresUrl, natsUrl }: Servers): Promise<DrainResult> {
  const child = startChild("drain-child.ts", [postgresUrl, natsUrl]);
  try {
    const measured: Record<"drain" | "publish" | "mark", number[]> = { drain: [], publish: [], mark: [] };
    for (let round = -1; round < rounds; round++) {
      for (const what of ["drain", "publish", "mark"] as const) {
        const perSecond = await child.ask<number>(what, round < 0 ? warmUp : events);
        if (round >= 0) measured[what].push(perSecond);
      }
    }
    const publishAlone = median(measured.publish);
    const markAlone = median(measured.mark);
    const byHand = 1 / (1 / publishAlone + 1 / markAlone);
    return { relay: median(measured.drain), publishAlone, markAlone, byHand };
  } finally {
    child.end();
  }
}
