import type { Lane } from "#mesh/db";

/** An event that the outbox holds for published. */
export interface RecordedEvent {
  readonly eventId: string;
  readonly sequence: number;
}

/** The published events of a service, as its stream should hold them. What has aged out of the stream is left out. */
export interface OutboxRecord {
  /** The last event at or below a position. */
  lastUpTo(sequence: number): Promise<RecordedEvent | undefined>;
  /** Positions of published events from one on, in order; some hundreds of them, none where there are no more. */
  positionsFrom(sequence: number): Promise<number[]>;
  /** Lets the events behind a position be published again, and returns their number. */
  unpublishAfter(sequence: number): Promise<number>;
  /** Lets the events at these positions be published again, and returns their number. */
  unpublishAt(sequences: readonly number[]): Promise<number>;
  /** When the stream was created, as it was remembered last. */
  knownCreation(stream: string): Promise<string | undefined>;
  rememberCreation(stream: string, created: string): Promise<void>;
}

/** Most positions read at once: as many questions to the broker are then under way. */
const pageSize = 200;

/** Reads and mends the outbox through one lane; the stream keeps events for `maxAgeMs`. */
export function createOutboxRecord(lane: Lane, maxAgeMs: number): OutboxRecord {
  const kept = `stream_seq is not null and published_at > now() - make_interval(secs => $2::float8)`;
  const maxAgeS = maxAgeMs / 1000;

  async function unpublish(condition: string, parameter: number | readonly number[]): Promise<number> {
    const [row] = await lane.query(
      `with undone as (
        update heddle.outbox set published_at = null, stream_seq = null, republished = republished + 1
        where ${condition} and ${kept}
        returning 1
      ) select count(*)::int as n from undone`,
      [parameter, maxAgeS],
    );
    return Number(row?.n);
  }

  return {
    async lastUpTo(sequence) {
      const [row] = await lane.query(
        `select event_id, stream_seq from heddle.outbox where stream_seq <= $1::bigint and ${kept}
        order by stream_seq desc limit 1`,
        [sequence, maxAgeS],
      );
      return row && { eventId: String(row.event_id), sequence: Number(row.stream_seq) };
    },
    async positionsFrom(sequence) {
      const rows = await lane.query(
        `select stream_seq from heddle.outbox where stream_seq >= $1::bigint and ${kept}
        order by stream_seq limit ${pageSize}`,
        [sequence, maxAgeS],
      );
      return rows.map((row) => Number(row.stream_seq));
    },
    unpublishAfter: (sequence) => unpublish("stream_seq > $1::bigint", sequence),
    unpublishAt: (sequences) => unpublish("stream_seq = any($1::bigint[])", sequences),
    async knownCreation(stream) {
      const [row] = await lane.query("select created from heddle.fed_stream where name = $1", [stream]);
      return row && String(row.created);
    },
    async rememberCreation(stream, created) {
      await lane.query(
        `insert into heddle.fed_stream (name, created) values ($1, $2)
        on conflict (name) do update set created = excluded.created`,
        [stream, created],
      );
    },
  };
}
