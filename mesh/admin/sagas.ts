import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { and, eq, notInArray, type SQL, sql } from "drizzle-orm";
import type {
  GetSagaResponseSchema,
  ListSagasRequest,
  ListSagasResponseSchema,
  ParticipantSchema,
} from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import { participant, readMoves } from "#mesh/saga";
import { letterMessage } from "./dead-letter-message.ts";
import type { AdminOptions } from "./handlers.ts";
import { moveMessage } from "./move-message.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import { timestampOf } from "./times.ts";
import { openEffects, parkedEvents, timers } from "./waiting.ts";

type Row = typeof participant.$inferSelect;

const defaultPageSize = 100;

/** One page of participants. */
export async function listSagas(
  { database, contract }: AdminOptions,
  request: ListSagasRequest,
): Promise<MessageInitShape<typeof ListSagasResponseSchema>> {
  const size = request.pageSize || defaultPageSize;
  // One more than asked for tells whether a page follows.
  const rows = await database.orm
    .select()
    .from(participant)
    .where(and(...conditions(request, contract)))
    .orderBy(participant.saga, participant.key)
    .limit(size + 1);
  const page = rows.slice(0, size);
  const last = page.at(-1);
  return {
    participants: page.map((row) => participantMessage(row, contract)),
    nextPageToken: rows.length > size && last ? formatPageToken([last.saga, last.key]) : "",
  };
}

/** One participant with all that it waits for. A key that only has events waiting counts as one in state NONE. */
export async function getSaga(
  { database, contract, events }: AdminOptions,
  key: string,
): Promise<MessageInitShape<typeof GetSagaResponseSchema>> {
  const { orm } = database;
  const instance = { saga: contract.participant?.saga ?? "", key };
  const isInstance = and(eq(participant.saga, instance.saga), eq(participant.key, key));
  const [row] = await orm.select().from(participant).where(isInstance);
  const parked = await parkedEvents(orm, contract, key);
  const letters = (await events.deadLetters?.list({ key })) ?? [];
  if (!row && parked.length === 0 && letters.length === 0) {
    throw new ConnectError(`${contract.name} has no part in a saga of ${key}`, Code.NotFound);
  }
  return {
    participant: row ? participantMessage(row, contract) : { ...instance, state: "NONE" },
    timers: await timers(orm, instance),
    effects: await openEffects(orm, instance),
    parked,
    deadLetters: letters.map(letterMessage),
    moves: (await readMoves(database, key)).map(moveMessage),
  };
}

function conditions(request: ListSagasRequest, contract: Contract): SQL[] {
  const { saga, state, openOnly, olderThan } = request;
  const after = parsePageToken(request.pageToken);
  const final = contract.participant?.final ?? [];
  return [
    ...(saga === "" ? [] : [eq(participant.saga, saga)]),
    ...(state === "" ? [] : [eq(participant.state, state)]),
    ...(openOnly || (state !== "" && !final.includes(state)) ? [eq(participant.open, true)] : []),
    // Instances that ended before this was kept with them count as open in the database.
    ...(openOnly && final.length > 0 ? [notInArray(participant.state, [...final])] : []),
    ...(olderThan ? [sql`${participant.updatedAt} <= now() - ${durationMs(olderThan)} * interval '1 ms'`] : []),
    ...(after ? [sql`(${participant.saga}, ${participant.key}) > (${after[0]}, ${after[1]})`] : []),
  ];
}

function participantMessage(row: Row, contract: Contract): MessageInitShape<typeof ParticipantSchema> {
  const updateTime = timestampOf(row.updatedAt);
  return {
    saga: row.saga,
    key: row.key,
    state: row.state,
    final: contract.participant?.final.includes(row.state) ?? false,
    version: row.version,
    movedBy: row.movedBy ?? "",
    lastEventId: row.eventId ?? "",
    ...(updateTime && { updateTime }),
  };
}
