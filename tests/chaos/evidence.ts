import { connect } from "nats";
import postgres from "postgres";
import type { RecordedMove } from "#mesh/verify";

/** Services that take part in the saga, and those whose events it depends on. */
export const services = [
  "platform.identity",
  "shop.catalog",
  "shop.inventory",
  "shop.order",
  "shop.payment",
  "shop.shipping",
] as const;

/** Name of a service of the shop. */
export type ServiceName = (typeof services)[number];

/** A row of an outbox. */
export interface OutboxRow {
  readonly eventId: string;
  readonly aggregate: string;
  readonly type: string;
  /** Id of the event that caused it; null where it was none. */
  readonly cause: string | null;
  readonly published: boolean;
}

/** A message of a stream. */
export interface StreamMessage {
  readonly eventId: string;
  /** Aggregate and its id. */
  readonly aggregate: string;
  readonly version: number;
  readonly type: string;
}

/** What one service has stored. */
export interface ServiceEvidence {
  readonly outbox: readonly OutboxRow[];
  readonly inbox: ReadonlyMap<string, string>;
  readonly states: ReadonlyMap<string, { readonly state: string; readonly at: Date }>;
  readonly timers: number;
  readonly openEffects: number;
  readonly deadLetters: number;
  readonly parked: number;
  /** Connections that hold the right to publish. */
  readonly leaders: number;
  readonly stream: readonly StreamMessage[];
  /** Steps that were taken at this service. */
  readonly moves: readonly RecordedMove[];
}

/** An amount of money as it is stored. */
export interface Money {
  readonly units: string;
  readonly nanos: number;
}

/** Everything that the invariants speak of, read from the databases and the streams themselves. */
export interface Evidence {
  readonly services: ReadonlyMap<ServiceName, ServiceEvidence>;
  readonly orders: ReadonlyMap<string, Money>;
  readonly stock: ReadonlyMap<string, { readonly onHand: number; readonly reserved: number }>;
  readonly reserved: readonly { readonly orderId: string; readonly productId: string; readonly quantity: number }[];
  readonly provider: ReadonlyMap<string, { readonly status: string } & Money>;
}

/** Where to look. */
export interface Places {
  readonly postgresUrl: string;
  readonly natsUrl: string;
}

/** Reads everything. The parts are read one after another: at rest that makes no difference. */
export async function collect({ postgresUrl, natsUrl }: Places): Promise<Evidence> {
  const streams = await readStreams(natsUrl);
  const found = new Map<ServiceName, ServiceEvidence>();
  for (const name of services) {
    found.set(name, {
      ...(await inDatabase(postgresUrl, name, readService)),
      moves: (await inDatabase(postgresUrl, name, readMoves)).map((move) => ({ ...move, service: name })),
      stream: streams.get(name) ?? [],
    });
  }
  const shop = {
    orders: await inDatabase(postgresUrl, "shop.order", readOrders),
    ...(await inDatabase(postgresUrl, "shop.inventory", readStock)),
    provider: await inDatabase(postgresUrl, "shop.payment_provider", readProvider),
  };
  return { services: found, ...shop };
}

/** What is still under way, one line for each kind: empty when everything has come to rest. Cheap. */
export async function unrest({ postgresUrl }: Places): Promise<string[]> {
  const lines: string[] = [];
  for (const name of services) {
    const [counts] = await inDatabase(
      postgresUrl,
      name,
      (sql) => sql`select
        (select count(*)::int from heddle.outbox where published_at is null) as unpublished,
        (select count(*)::int from heddle.effect where status in ('waiting', 'due')) as effects,
        (select count(*)::int from heddle.timer) as timers`,
    );
    for (const [what, n] of Object.entries(counts ?? {})) if (n !== 0) lines.push(`${name}: ${n} ${what}`);
  }
  return lines;
}

type Sql = postgres.Sql;

async function inDatabase<T>(url: string, service: string, read: (sql: Sql) => T): Promise<Awaited<T>> {
  const database = new URL(url);
  database.pathname = `/${service.replaceAll(".", "_")}`;
  const sql = postgres(database.href, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    return await read(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function readService(sql: Sql): Promise<Omit<ServiceEvidence, "stream" | "moves">> {
  const outbox = await sql<OutboxRow[]>`
    select event_id as "eventId", aggregate || ' ' || aggregate_id as aggregate, type,
      headers ->> 'ce-causationid' as cause, published_at is not null as published
    from heddle.outbox order by id`;
  const inbox = await sql<{ id: string; status: string }[]>`select event_id as id, status from heddle.inbox`;
  const states = await sql<{ key: string; state: string; at: Date }[]>`
    select key, state, updated_at as at from heddle.participant`;
  // 2 is the number of the relay's lock; see mesh/events/relay-leader.ts.
  const [counts] = await sql<Record<"timers" | "openEffects" | "deadLetters" | "parked" | "leaders", number>[]>`
    select
      (select count(*)::int from heddle.timer) as timers,
      (select count(*)::int from heddle.effect where status in ('waiting', 'due')) as "openEffects",
      (select count(*)::int from heddle.dead_letter where state = 'open') as "deadLetters",
      (select count(*)::int from heddle.parked) as parked,
      (select count(*)::int from pg_locks where locktype = 'advisory' and objid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())) as leaders`;
  if (!counts) throw new Error("no counts");
  return {
    outbox,
    inbox: new Map(inbox.map(({ id, status }) => [id, status])),
    states: new Map(states.map(({ key, state, at }) => [key, { state, at }])),
    ...counts,
  };
}

/** All at once: the mesh itself reads them one key at a time. */
async function readMoves(sql: Sql): Promise<Omit<RecordedMove, "service">[]> {
  const rows = await sql<
    (Omit<RecordedMove, "service" | "eventId" | "eventType"> & Record<"eventId" | "eventType", string | null>)[]
  >`
    select saga, key, version, from_state as from, to_state as to, rpc, event_id as "eventId",
      event_type as "eventType", coalesce(announced, '{}') as announced, moved_at as at
    from heddle.move`;
  return rows.map(({ eventId, eventType, ...move }) => ({
    ...move,
    eventId: eventId ?? undefined,
    eventType: eventType ?? undefined,
  }));
}

async function readOrders(sql: Sql): Promise<Map<string, Money>> {
  const rows = await sql<({ id: string } & Money)[]>`select id, units::text as units, nanos from "order"`;
  return new Map(rows.map(({ id, ...money }) => [id, money]));
}

async function readStock(sql: Sql): Promise<Pick<Evidence, "stock" | "reserved">> {
  const rows = await sql<{ id: string; onHand: number; reserved: number }[]>`
    select product_id as id, on_hand as "onHand", reserved from stock`;
  const reserved = await sql<{ orderId: string; productId: string; quantity: number }[]>`
    select order_id as "orderId", product_id as "productId", quantity from reservation_item`;
  return { stock: new Map(rows.map(({ id, ...pieces }) => [id, pieces])), reserved };
}

async function readProvider(sql: Sql): Promise<Evidence["provider"]> {
  const rows = await sql<({ reference: string; status: string } & Money)[]>`
    select reference, status, units::text as units, nanos from "authorization"`;
  return new Map(rows.map(({ reference, ...rest }) => [reference, rest]));
}

/** Every message of every stream, in order. */
async function readStreams(url: string): Promise<Map<ServiceName, StreamMessage[]>> {
  const nats = await connect({ servers: new URL(url).host });
  try {
    const manager = await nats.jetstreamManager();
    const found = new Map<ServiceName, StreamMessage[]>();
    for (const service of services) {
      const name = `EVT_${service.toUpperCase().replace(".", "_")}`;
      const info = await manager.streams.info(name).catch(() => undefined);
      if (!info) continue;
      const messages: StreamMessage[] = [];
      found.set(service, messages);
      if (info.state.messages === 0) continue;
      const consumer = await nats.jetstream().consumers.get(name, { headers_only: true });
      const reading = await consumer.consume({ max_messages: 1_000 });
      for await (const { subject, headers, info } of reading) {
        messages.push({
          eventId: headers?.get("ce-id") ?? "",
          aggregate: `${subject.split(".")[3]} ${headers?.get("ce-subject")}`,
          version: Number(headers?.get("ce-aggversion")),
          type: headers?.get("ce-type") ?? "",
        });
        if (info.pending === 0) break;
      }
      await reading.close();
      await consumer.delete();
    }
    return found;
  } finally {
    await nats.close();
  }
}
