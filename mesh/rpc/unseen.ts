import type { CallStatus } from "#mesh/channel";
import type { CallExplanation } from "#mesh/resilience";

const unseen = new WeakSet<Error>();

/** Whether an error of a call means that no server has looked at its request: that it certainly had no effect. */
export function isUnseen(error: unknown): boolean {
  return error instanceof Error && unseen.has(error);
}

/** Notes of an error how far its call came. */
export function noteProgress(error: Error, status: CallStatus, explanation: CallExplanation | undefined): void {
  if (status.unprocessed || explanation?.attempts.length === 0) unseen.add(error);
}
