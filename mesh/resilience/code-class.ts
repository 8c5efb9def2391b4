import { Code } from "#gen/google/rpc/code_pb.ts";

/** What the outcome of an attempt or a call says about whoever answered it. */
export type Verdict = "success" | "failure" | "nothing";

/** An answer, as far as it can speak against somebody. */
export interface Testimony {
  readonly code: Code;
  /** What the server said about coming back; see Outcome. */
  readonly pushbackMs?: number | undefined;
  /** Time that the answer could take, in milliseconds. */
  readonly givenMs: number;
  /** What half of the method's recent calls took; undefined when that is not known yet. */
  readonly usualMs: number | undefined;
}

/** Something broke in the server that a request cannot break by what it asks for. */
const broken: ReadonlySet<Code> = new Set([Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS]);

/**
 * What an attempt says about its endpoint. It speaks against the endpoint when it
 *
 * - cannot be reached, or says so itself (UNAVAILABLE);
 * - breaks (INTERNAL, UNKNOWN, DATA_LOSS);
 * - does not answer in time (DEADLINE_EXCEEDED), if half of the calls would have: an impatient caller is no witness;
 * - has no room and says when to come back (RESOURCE_EXHAUSTED with a pushback). Without one it may be the quota of one
 *   user, who must not be able to have endpoints ejected.
 *
 * CANCELLED says something about the caller only. All else is the answer of a healthy server about a request.
 */
export function endpointVerdict(testimony: Testimony): Verdict {
  return broken.has(testimony.code) ? "failure" : targetVerdict(testimony);
}

/**
 * What a call says about its target, after all attempts: failures are those that fewer calls would help. A broken
 * method is not among them: its defect must not shut its healthy neighbours off.
 */
export function targetVerdict({ code, pushbackMs, givenMs, usualMs }: Testimony): Verdict {
  switch (code) {
    case Code.CANCELLED:
      return "nothing";
    case Code.UNAVAILABLE:
      return "failure";
    case Code.DEADLINE_EXCEEDED:
      return usualMs !== undefined && givenMs < usualMs ? "nothing" : "failure";
    case Code.RESOURCE_EXHAUSTED:
      return pushbackMs === undefined ? "nothing" : "failure";
    default:
      return "success";
  }
}

/** Whether a fallback may answer instead: nobody could answer, for a reason that passes. */
export function allowsFallback(code: Code): boolean {
  return code === Code.UNAVAILABLE || code === Code.DEADLINE_EXCEEDED || code === Code.RESOURCE_EXHAUSTED;
}
