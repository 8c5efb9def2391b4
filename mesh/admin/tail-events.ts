import { setTimeout } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { and, eq, gt, lt, max, notInArray } from "drizzle-orm";
import type { TailEventsRequest, TailEventsResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import type { Database } from "#mesh/db";
import { outbox } from "#mesh/events";
import { parseTraceparent } from "#mesh/telemetry";
import type { AdminOptions } from "./handlers.ts";
import { payloadJson } from "./payload-json.ts";
import { timestampOf } from "./times.ts";

type Orm = Database["orm"];
type Response = MessageInitShape<typeof TailEventsResponseSchema>;
type Row = typeof outbox.$inferSelect;

/** How often newly published events are looked for, in milliseconds. */
const pollMs = 300;
const batchSize = 200;
/**
 * For how many positions behind the newest one the tail looks again: an event whose publication got no answer is marked
 * with its position only when it has been sent anew, later than those after it.
 */
const lookBack = 500;

/**
 * Follows what the service publishes, read from its outbox: the broker does no work for it, and what was published
 * days ago can be told too. Ends when the caller goes away or the service stops.
 */
export async function* tailEvents(
  { contract, database: { orm }, stopping }: AdminOptions,
  request: TailEventsRequest,
  gone: AbortSignal,
): AsyncGenerator<Response> {
  const signal = AbortSignal.any([gone, stopping]);
  let start = await startOf(orm, request);
  let position = start;
  let told = new Map<string, number>();
  yield { nextSequence: BigInt(position + 1) };
  while (!signal.aborted) {
    told = new Map([...told].filter(([, sequence]) => sequence > position - lookBack));
    const rows = await readEvents(orm, request, {
      after: Math.max(start, position - lookBack),
      told: [...told.keys()],
    });
    for (const row of rows) {
      const sequence = row.streamSeq ?? 0;
      told.set(row.eventId, sequence);
      position = Math.max(position, sequence);
      yield { event: eventMessage(row, contract), nextSequence: BigInt(position + 1) };
    }
    if (rows.length > 0) continue;
    const last = await lastPosition(orm);
    // A stream that was created anew counts from 1 again.
    if (last < position && last > 0) [start, position] = [0, 0];
    await setTimeout(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** The position after which the tail begins. */
async function startOf(orm: Orm, { from }: TailEventsRequest): Promise<number> {
  if (from.case === "sequence") return Math.max(0, Number(from.value) - 1);
  if (from.case === undefined) return lastPosition(orm);
  const [before] = await orm
    .select({ last: max(outbox.streamSeq) })
    .from(outbox)
    .where(lt(outbox.publishedAt, timestampDate(from.value)));
  return before?.last ?? 0;
}

async function lastPosition(orm: Orm): Promise<number> {
  const [row] = await orm.select({ last: max(outbox.streamSeq) }).from(outbox);
  return row?.last ?? 0;
}

async function readEvents(
  orm: Orm,
  { type, key }: TailEventsRequest,
  { after, told }: { readonly after: number; readonly told: string[] },
): Promise<Row[]> {
  const wanted = [
    gt(outbox.streamSeq, after),
    ...(told.length > 0 ? [notInArray(outbox.eventId, told)] : []),
    ...(type === "" ? [] : [eq(outbox.type, type)]),
    ...(key === "" ? [] : [eq(outbox.aggregateId, key)]),
  ];
  return await orm
    .select()
    .from(outbox)
    .where(and(...wanted))
    .orderBy(outbox.streamSeq)
    .limit(batchSize);
}

function eventMessage(row: Row, { events }: Contract): NonNullable<Response["event"]> {
  const { eventId, type, aggregateVersion, createdAt, publishedAt, headers, payload } = row;
  const [time, publishTime] = [timestampOf(createdAt), timestampOf(publishedAt)];
  return {
    ...{ eventId, type, key: row.aggregateId, sequence: BigInt(row.streamSeq ?? 0) },
    aggregateVersion: BigInt(aggregateVersion),
    ...(time && { time }),
    ...(publishTime && { publishTime }),
    traceId: parseTraceparent(headers.traceparent)?.traceId ?? "",
    payloadJson: payloadJson(events.get(type)?.message, payload),
  };
}
