import type postgres from "postgres";
import type { Headers } from "./cloud-events.ts";

/** An event of the outbox that waits to be published. */
export interface WaitingEvent {
  readonly id: string;
  readonly eventId: string;
  /** Aggregate and its id: events with the same key are published in order. */
  readonly key: string;
  readonly type: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
}

/** An event that is stored in the stream. */
export interface PublishedEvent {
  readonly id: string;
  readonly key: string;
  readonly sequence: number;
}

/** Most events read at once. */
export const batchSize = 500;

/**
 * The oldest events that are not published yet, without those of the keys to skip.
 *
 * There is no cursor: ids are drawn at insert and seen at commit, so an id below the last one read may still appear.
 */
export async function readWaiting(sql: postgres.Sql, skip: readonly string[]): Promise<WaitingEvent[]> {
  const skipping = skip.length === 0 ? sql`` : sql`and not (aggregate || ' ' || aggregate_id = any(${[...skip]}))`;
  return await sql<WaitingEvent[]>`
    select id, event_id as "eventId", aggregate || ' ' || aggregate_id as key, type, subject, headers, payload
    from heddle.outbox
    where published_at is null ${skipping}
    order by id
    limit ${batchSize}
  `;
}

/** Marks events as published, in one statement. */
export async function markPublished(sql: postgres.Sql, published: readonly PublishedEvent[]): Promise<void> {
  await sql`
    update heddle.outbox
    set published_at = now(), stream_seq = marked.sequence
    from unnest(
      ${published.map(({ id }) => id)}::bigint[], ${published.map(({ sequence }) => sequence)}::bigint[]
    ) as marked (id, sequence)
    where outbox.id = marked.id
  `;
}
