import { Ending, type EndSignal } from "#mesh/resilience";
import { sleep } from "./sleep.ts";

/** How long a call waits for the first instances to be known, in milliseconds, unless its deadline is earlier. */
const firstWaitMs = 2_000;

/** Waits until the instances are known, for a call whose time ends with `deadlineMs` or the signal. Never rejects. */
export async function untilKnown(known: Promise<void>, deadlineMs: number, signal: EndSignal): Promise<void> {
  const waited = new Ending();
  const end = () => waited.abort();
  signal.addEventListener("abort", end);
  await Promise.race([known, sleep(Math.min(firstWaitMs, deadlineMs - Date.now()), waited)]);
  signal.removeEventListener("abort", end);
  end();
}
