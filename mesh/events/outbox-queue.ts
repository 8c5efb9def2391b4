import type { Lane } from "#mesh/db";
import type { Headers } from "./cloud-events.ts";

/** An event of the outbox that waits to be published. */
export type WaitingEvent = {
  readonly id: string;
  readonly eventId: string;
  /** Aggregate and its id: events with the same key are published in order. */
  readonly key: string;
  readonly type: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
  /** How often it was published before and lost by the stream. */
  readonly republished: number;
};

/** An event that is stored in the stream. */
export interface PublishedEvent {
  readonly id: string;
  readonly key: string;
  readonly sequence: number;
}

/** Most events read at once. */
export const batchSize = 500;

/** What Postgres may choose otherwise while it takes the outbox for small: then every batch would cost all that waits. */
const wholeTablePlans = ["seqscan", "bitmapscan", "hashjoin", "mergejoin"];

/** Has a lane go by the indexes of the outbox from now on, whether it was ever analyzed or not. */
export async function goByIndexes(lane: Lane): Promise<void> {
  const names = wholeTablePlans.map((plan) => `enable_${plan}`);
  await lane.query("select set_config(name, 'off', false) from unnest($1::text[]) as name", [names]);
}

/**
 * The oldest events that are not published yet, without those of the keys to skip.
 *
 * There is no cursor: ids are drawn at insert and seen at commit, so an id below the last one read may still appear.
 */
export async function readWaiting(lane: Lane, skip: readonly string[]): Promise<WaitingEvent[]> {
  const skipping = skip.length === 0 ? "" : "and aggregate || ' ' || aggregate_id <> all($1::text[])";
  return await lane.query<WaitingEvent>(
    `select id, event_id as "eventId", aggregate || ' ' || aggregate_id as key, type, subject, headers, payload,
      republished
    from heddle.outbox
    where published_at is null ${skipping}
    order by id
    limit ${batchSize}`,
    skip.length === 0 ? [] : [skip],
  );
}

/** Marks events as published, in one statement. */
export async function markPublished(lane: Lane, published: readonly PublishedEvent[]): Promise<void> {
  await lane.query(
    `update heddle.outbox
    set published_at = now(), stream_seq = marked.sequence
    from unnest($1::bigint[], $2::bigint[]) as marked (id, sequence)
    where outbox.id = marked.id`,
    [published.map(({ id }) => id), published.map(({ sequence }) => sequence)],
  );
}
