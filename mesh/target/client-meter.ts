import type { CallExplanation } from "#mesh/resilience";

/** Counts the calls of one method, as their caller makes them. */
export interface ClientMeter {
  attemptStarted(): void;
  /** `code` is gRPC's, `durationMs` in milliseconds. */
  attemptEnded(code: number, durationMs: number): void;
  /** `further` is undefined for a call that took one attempt at most. */
  callEnded(code: number, durationMs: number, further: FurtherAttempts | undefined): void;
  /** A copy for another version has ended. */
  copyEnded(code: number, durationMs: number): void;
  /** A copy was not sent: too many were under way, or the version has no instance. */
  copyDropped(): void;
}

/** What a call took beside its first attempt. */
export interface FurtherAttempts {
  readonly retries: number;
  readonly transparentRetries: number;
  readonly hedges: number;
  /** Time without an attempt under way, in milliseconds. */
  readonly delayMs: number;
}

/** Reads the further attempts of a call; nothing is made for the usual call, which has none. */
export function furtherAttempts({ attempts, timeIn }: CallExplanation): FurtherAttempts | undefined {
  if (attempts.length <= 1) return undefined;
  const count = (wanted: string) => attempts.filter(({ kind }) => kind === wanted).length;
  return {
    retries: count("retry"),
    transparentRetries: count("transparent"),
    hedges: count("hedge"),
    delayMs: timeIn.backoff,
  };
}
