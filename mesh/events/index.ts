export type { EventsBacklog } from "./backlogs.ts";
export { type Cause, currentCause, runCausedBy } from "./cause.ts";
export { createEvents, type Events, type EventsOptions, type EventsStatus } from "./create-events.ts";
export type {
  Act,
  AuditEntry,
  DeadLetterDetail,
  DeadLetterFilter,
  DeadLetterGroup,
  DeadLetterSummary,
  DeadLetters,
  ReplayOutcome,
} from "./dead-letters.ts";
export { type Delivery, PermanentError, type Receive } from "./delivery.ts";
export { type Emission, event, type TypedEvent } from "./event.ts";
export type { Outbox } from "./outbox.ts";
export { retryDelayMs } from "./retry-delay.ts";
export type { StreamSettings } from "./stream-names.ts";
export { aggregate, deadLetter, deadLetterAudit, heddle, inbox, outbox, parked } from "./tables.ts";
