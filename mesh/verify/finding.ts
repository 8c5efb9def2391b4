import type { DescEnum, DescFile, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import type { Story } from "./story.ts";

/** The kinds of things that a proof looks for. */
export type Check =
  | "unspecified reception"
  | "illegal resting state"
  | "violated rule"
  | "endless announcements"
  | "undone after the pivot"
  | "unreachable state"
  | "move never taken"
  | "two arbiters"
  | "pivot"
  | "step without class"
  | "timer without exit"
  | "event without consumer"
  | "event without announcer"
  | "critical delivery"
  | "declaration"
  | SuccessionCheck;

/** The kinds of things that a comparison with older contracts looks for. */
export type SuccessionCheck =
  | "removed reception"
  | "removed event"
  | "removed participant"
  | "removed state"
  | "removed final state"
  | "removed timer"
  | "removed effect"
  | "changed key"
  | "changed subject"
  | "no order of deployment";

/** An element of a contract that a finding points at. */
export type Subject = DescFile | DescService | DescMethod | DescMessage | DescEnum;

/** Something that is wrong with the contracts. */
export interface Finding {
  readonly check: Check;
  /** What is wrong, in a sentence. */
  readonly problem: string;
  readonly element: Subject;
  /** Whether the element stands in the old contracts, with which new ones were compared. */
  readonly before?: boolean;
  /** What to do about it. */
  readonly mend: string;
  /** The shortest way to it, for what exploring has found. */
  readonly story?: Story | undefined;
}
