import type { MessageInitShape } from "@bufbuild/protobuf";
import { and, eq, inArray } from "drizzle-orm";
import type { EffectSchema, ParkedEventSchema, TimerSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import type { Database } from "#mesh/db";
import { parked } from "#mesh/events";
import { effect, timer } from "#mesh/saga";
import { firstLine, timestampOf } from "./times.ts";

type Orm = Database["orm"];

/** One instance of a saga. */
interface Instance {
  readonly saga: string;
  readonly key: string;
}

/** Armed timers of an instance, the next to fire first. */
export async function timers(orm: Orm, { saga, key }: Instance): Promise<MessageInitShape<typeof TimerSchema>[]> {
  const isArmed = and(eq(timer.saga, saga), eq(timer.key, key));
  const rows = await orm.select().from(timer).where(isArmed).orderBy(timer.dueAt);
  return rows.map(({ name, dueAt, attempts, error }) => ({
    ...{ name, attempts, error: firstLine(error ?? "") },
    ...timeField("dueTime", dueAt),
  }));
}

/** Calls of an instance that are not over, and those whose outcome nobody took. */
export async function openEffects(orm: Orm, { saga, key }: Instance): Promise<MessageInitShape<typeof EffectSchema>[]> {
  const statuses = inArray(effect.status, ["waiting", "due", "failed"]);
  const isOpen = and(eq(effect.saga, saga), eq(effect.key, key), statuses);
  const rows = await orm.select().from(effect).where(isOpen).orderBy(effect.id);
  return rows.map(({ name, status, attempts, error, dueAt, createdAt }) => ({
    ...{ name, status, attempts, error: firstLine(error ?? "") },
    ...timeField("dueTime", dueAt),
    ...timeField("createTime", createdAt),
  }));
}

/** Events of a key that have come and wait. */
export async function parkedEvents(
  orm: Orm,
  contract: Contract,
  key: string,
): Promise<MessageInitShape<typeof ParkedEventSchema>[]> {
  const rows = await orm.select().from(parked).where(eq(parked.key, key)).orderBy(parked.id);
  return rows.map((row) => ({
    ...{ eventId: row.eventId, type: row.type, attempts: row.attempts, error: firstLine(row.error ?? "") },
    waitingFor: row.blockedBy === null ? statesThatTake(contract, row.type) : `dead letter ${row.blockedBy}`,
    ...timeField("parkTime", row.parkedAt),
    ...timeField("dueTime", row.dueAt),
  }));
}

/** The states in which a parked event can be taken in, in words. */
function statesThatTake({ name, reactions }: Contract, type: string): string {
  const reaction = reactions?.events.find(({ event }) => event.message.typeName === type);
  const states = new Set([...(reaction?.moves.map(({ from }) => from) ?? []), ...(reaction?.ignoredIn ?? [])]);
  return states.size === 0 ? `the saga at ${name} to move on` : `${name} to be in ${[...states].join(" or ")}`;
}

function timeField<K extends string>(name: K, date: Date) {
  const time = timestampOf(date);
  return time ? { [name]: time } : {};
}
