import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { AttemptExplanationSchema, CallExplanationSchema } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import type { AttemptExplanation, CallExplanation } from "./explanation.ts";

/** An explanation as it is sent. */
export function explanationMessage(call: CallExplanation): MessageInitShape<typeof CallExplanationSchema> {
  const { method, target, stream, outcome, route, attempts, timeIn, breaker, budgetLeft } = call;
  return {
    ...{ method, target, stream, code: outcome.code, message: outcome.message, decidedBy: outcome.by },
    startTime: timestampFromMs(call.startedAt),
    duration: durationFromMs(call.durationMs),
    ...(call.deadlineMs !== undefined && { deadline: durationFromMs(call.deadlineMs) }),
    ...{ version: route?.version ?? "", route: route?.reason ?? "", stopped: call.stopped ?? "" },
    ...{ breakerBefore: breaker?.before ?? "", breakerAfter: breaker?.after ?? "" },
    ...(budgetLeft !== undefined && { budgetLeft }),
    attempts: attempts.map(attemptMessage),
    inFault: durationFromMs(timeIn.fault),
    inQueue: durationFromMs(timeIn.queue),
    inAttempts: durationFromMs(timeIn.attempts),
    inBackoff: durationFromMs(timeIn.backoff),
  };
}

function attemptMessage(attempt: AttemptExplanation): MessageInitShape<typeof AttemptExplanationSchema> {
  const { number, kind, endpoint, code, message, lost, ejected, openedAfterMs } = attempt;
  const { address, version, zone } = endpoint;
  return {
    ...{ number, kind, address, version, zone, code, message, lost, ejected },
    startedAfter: durationFromMs(attempt.startedAfterMs),
    duration: durationFromMs(attempt.durationMs),
    ...(openedAfterMs !== undefined && { openedAfter: durationFromMs(openedAfterMs) }),
  };
}
