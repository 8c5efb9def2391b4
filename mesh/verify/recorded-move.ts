import type { RecordedMove as RecordedStep } from "#mesh/saga";

/** One step that a participant has taken, as its service has recorded it in the same transaction. */
export interface RecordedMove extends RecordedStep {
  /** Service that moved, such as "shop.order". */
  readonly service: string;
}
