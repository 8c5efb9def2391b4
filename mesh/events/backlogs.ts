import { sql } from "drizzle-orm";
import type { Contract } from "#mesh/contract";
import type { Database } from "#mesh/db";
import type { Backlog } from "./broker.ts";
import { streamName } from "./stream-names.ts";

/** How far a service is behind another one. */
export interface EventsBacklog {
  readonly producer: string;
  /** What the broker says; undefined while the events are not read or it gives no answer. */
  readonly delivery: Backlog | undefined;
  /** Events that have come and wait. */
  readonly parked: number;
  /** Since when the oldest of them waits; null where there is none. */
  readonly oldestParked: Date | null;
  /** Dead letters that somebody has to look after. */
  readonly deadLetters: number;
}

/** Adds to what the broker says what the service itself keeps aside. */
export async function readBacklogs(
  { name }: Contract,
  { orm }: Database,
  deliveries: ReadonlyMap<string, Backlog | undefined>,
): Promise<EventsBacklog[]> {
  const aside = await orm.execute<Aside>(sql`
    select stream, count(*) filter (where parked_at is not null)::int as parked, min(parked_at) as oldest,
      count(*) filter (where parked_at is null)::int as letters
    from (
      select stream, parked_at from heddle.parked where consumer = ${name}
      union all
      select stream, null from heddle.dead_letter where consumer = ${name} and state in ('open', 'retrying')
    ) as waiting
    group by stream
  `);
  return [...deliveries].map(([producer, delivery]) => {
    const of = aside.find(({ stream }) => stream === streamName(producer));
    return {
      ...{ producer, delivery, parked: of?.parked ?? 0, deadLetters: of?.letters ?? 0 },
      oldestParked: of?.oldest == null ? null : new Date(of.oldest),
    };
  });
}

type Aside = { stream: string; parked: number; oldest: string | Date | null; letters: number };
