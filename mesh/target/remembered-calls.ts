import type { CallExplanation } from "#mesh/resilience";

/** What became of the last calls of a process. */
export interface RememberedCalls {
  add(explanation: CallExplanation, requestId: string): void;
  /** The calls of one request, in the order of their ends. */
  of(requestId: string): CallExplanation[];
}

/** Calls that are remembered, and those besides that were slow or went wrong. */
const kept = 1_000;
/** A call that takes longer is slow, in milliseconds. */
const slowMs = 500;

/** Remembers the last 1000 calls, and the last 1000 that failed, were slow or took more than one attempt. */
export function rememberCalls(): RememberedCalls {
  const all = createRing();
  const notable = createRing();
  return {
    add(explanation, requestId) {
      all.add(explanation, requestId);
      if (isNotable(explanation)) notable.add(explanation, requestId);
    },
    of(requestId) {
      const explanations = new Set([...notable.of(requestId), ...all.of(requestId)]);
      return [...explanations].sort((a, b) => endOf(a) - endOf(b));
    },
  };
}

/** Whether a call says more than that all is well. */
export function isNotable(call: CallExplanation): boolean {
  const { outcome, attempts } = call;
  return outcome.code !== 0 || outcome.by !== "endpoint" || attempts.length > 1 || waitedMs(call) >= slowMs;
}

/** How long the caller waited for the answer, or for its beginning: how long a stream lasts is its own affair. */
function waitedMs({ stream, durationMs, attempts }: CallExplanation): number {
  const { startedAfterMs = 0, openedAfterMs = 0 } = attempts.at(-1) ?? {};
  return stream ? startedAfterMs + openedAfterMs : durationMs;
}

function endOf({ startedAt, durationMs }: CallExplanation): number {
  return startedAt + durationMs;
}

/** Two lists in place of one of pairs: what is remembered grows old, and each object less of it saves the collector work. */
function createRing() {
  const requestIds: string[] = [];
  const explanations: CallExplanation[] = [];
  let next = 0;
  return {
    add(explanation: CallExplanation, requestId: string) {
      requestIds[next] = requestId;
      explanations[next] = explanation;
      next = (next + 1) % kept;
    },
    of: (requestId: string) => explanations.filter((_, at) => requestIds[at] === requestId),
  };
}
