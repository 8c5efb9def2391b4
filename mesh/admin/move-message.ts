import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MoveSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { TracedMove } from "#mesh/saga";
import { parseTraceparent } from "#mesh/telemetry";
import { timestampOf } from "./times.ts";

/** A step of a saga's history. */
export function moveMessage(move: TracedMove): MessageInitShape<typeof MoveSchema> {
  const { version, from, to, rpc, by: cause, eventId = "", eventType = "", announced, traceparent, at } = move;
  const time = timestampOf(at);
  return {
    ...{ version, from, to, rpc, cause, eventId, eventType, announced: [...announced] },
    traceId: parseTraceparent(traceparent)?.traceId ?? "",
    ...(time && { time }),
  };
}
