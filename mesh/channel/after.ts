// setTimeout would ring at once: what takes 25 days needs no clock.
const LONGEST_TIMER_MS = 0x7fffffff;

/** Calls `ring` after so many milliseconds, unless what it returns is called before. After more than 24 days: never. */
export function after(ms: number, ring: () => void): () => void {
  if (ms > LONGEST_TIMER_MS) return () => undefined;
  const timer = setTimeout(ring, ms);
  return () => clearTimeout(timer);
}
