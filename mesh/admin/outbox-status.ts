import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { sql } from "drizzle-orm";
import type { GetOutboxStatusResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { AdminOptions } from "./handlers.ts";

/** Counts what waits to be published. The age is the database's, so that clocks need not agree. */
export async function outboxStatus({
  database,
  events,
}: Pick<AdminOptions, "database" | "events">): Promise<MessageInitShape<typeof GetOutboxStatusResponseSchema>> {
  const [row] = await database.orm.execute(sql`
    select count(*) as waiting, extract(epoch from now() - min(created_at)) * 1000 as age
    from heddle.outbox where published_at is null
  `);
  const { connected, publishing, waitingFor } = events.status();
  const age = row?.age == null ? undefined : Math.max(0, Math.round(Number(row.age)));
  return {
    unpublished: BigInt(Number(row?.waiting ?? 0)),
    ...(age !== undefined && { oldestAge: durationFromMs(age) }),
    publishing,
    connected,
    waitingFor: [...waitingFor],
  };
}
