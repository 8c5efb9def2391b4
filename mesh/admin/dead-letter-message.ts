import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type {
  DeadLetterGroupSchema,
  DeadLetterSchema,
  GetDeadLetterResponseSchema,
} from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import type { AuditEntry, DeadLetterDetail, DeadLetterGroup, DeadLetterSummary } from "#mesh/events";
import { parseTraceparent } from "#mesh/telemetry";
import { payloadJson } from "./payload-json.ts";
import { firstLine, timestampOf } from "./times.ts";

type Letter = Omit<DeadLetterSummary, "audit">;

/** A dead letter in a list. */
export function letterMessage(letter: Letter): MessageInitShape<typeof DeadLetterSchema> {
  const { eventId, type, key, state, errorHash, deliveries } = letter;
  return {
    ...{ id: BigInt(letter.id), eventId, type, key, state, errorHash, deliveries },
    error: firstLine(letter.error),
    ...seen(letter),
  };
}

/** Dead letters counted. */
export function groupMessage(group: DeadLetterGroup): MessageInitShape<typeof DeadLetterGroupSchema> {
  const { errorHash, type, count } = group;
  return { errorHash, type, count, error: firstLine(group.error), ...seen(group) };
}

/** A dead letter with all that is known of it, redacted. */
export function detailMessage(
  letter: DeadLetterDetail,
  contract: Contract,
): MessageInitShape<typeof GetDeadLetterResponseSchema> {
  return {
    deadLetter: letterMessage(letter),
    stack: letter.error,
    headers: letter.headers,
    traceId: parseTraceparent(letter.headers.traceparent)?.traceId ?? "",
    payloadJson: payloadJson(descOf(letter, contract), letter.payload),
    audit: letter.audit.map(auditMessage),
  };
}

function descOf({ type }: DeadLetterDetail, { reactions }: Contract): DescMessage | undefined {
  return reactions?.events.find(({ event }) => event.message.typeName === type)?.event.message;
}

function auditMessage({ action, who, why, at }: AuditEntry) {
  const time = timestampOf(at);
  return { action, who, reason: why, ...(time && { time }) };
}

function seen({ firstSeen, lastSeen }: { firstSeen: Date; lastSeen: Date }) {
  const [firstSeenTime, lastSeenTime] = [timestampOf(firstSeen), timestampOf(lastSeen)];
  return { ...(firstSeenTime && { firstSeenTime }), ...(lastSeenTime && { lastSeenTime }) };
}
