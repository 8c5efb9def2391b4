import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { eq, sql } from "drizzle-orm";
import { uuidv7 } from "uuidv7";
import { type Contract, eventContract, eventKey } from "#mesh/contract";
import { createDatabase, type Database, meshMigrations, type Transaction } from "#mesh/db";
import { createEvents, type Delivery, outbox as outboxTable } from "#mesh/events";
import { createLogger, newTrace } from "#mesh/telemetry";
import { testDatabases } from "#mesh/testing";
import { createSaga, type Saga } from "./create-saga.ts";
import type { SagaOptions } from "./engine.ts";
import { sagaMigrations } from "./migrations.ts";
import { effect, participant, timer } from "./schema.ts";

/** How long a test waits for what must come, on a busy machine too. */
export const patience = { timeout: 20_000 };

/** A service with nothing but a saga: a database of its own and the real outbox, from which nothing is published. */
export interface SagaFixture extends AsyncDisposable {
  readonly database: Database;
  readonly saga: Saga;
  /** Keys whose parked deliveries were released. */
  readonly released: string[];
  /** Lines of the log, errors only. */
  readonly alarms: Record<string, unknown>[];
  /** Makes another replica of the service, with its own handlers. */
  replica(handlers: object): Saga;
  /** Delivers an event once; there is no inbox. */
  deliver<D extends DescMessage>(event: D, init: MessageInitShape<D>, saga?: Saga): Promise<"done" | "parked">;
  /** State of a participant; undefined where there is no row. */
  state(key: string): Promise<string | undefined>;
  /** Names of the events announced for a key, in order; of all keys without one. */
  announced(key?: string): Promise<string[]>;
  /** Lines written with note(), in order. */
  notes(): Promise<string[]>;
  /** Names and statuses of a key's calls, in order. */
  effects(key: string): Promise<string[]>;
  /** Names of a key's armed timers. */
  timers(key: string): Promise<string[]>;
}

/** Creates a service of `contract` on a fresh database. Its worker is not started. */
export async function sagaFixture(
  contract: Contract,
  handlers: object,
  options: Partial<SagaOptions> = {},
): Promise<SagaFixture> {
  const alarms: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void alarms.push(JSON.parse(line)) };
  const log = createLogger({ name: "test", level: "error", destination });
  const databases = testDatabases();
  const { postgresUrl, prefix } = databases;
  const migrations = [meshMigrations, sagaMigrations];
  const database = createDatabase({ postgresUrl, name: `${prefix}saga`, migrations, log });
  await database.start();
  await database.sql`create table note (id bigint generated always as identity, text text)`;
  const { outbox } = createEvents({ contract, database, natsUrl: "nats://127.0.0.1:1", log });
  const released: string[] = [];
  const events = {
    outbox,
    release: async (_tx: Transaction, keys: readonly string[]) => void released.push(...keys),
  };
  const replica = (own: object) => {
    const saga = createSaga({ contract, database, log, ...options });
    saga.connect(events);
    saga.handle(own);
    return saga;
  };
  const saga = replica(handlers);
  return {
    database,
    saga,
    released,
    alarms,
    replica,
    deliver: (event, init, to = saga) => database.transaction((tx) => to.receive(deliveryOf(event, init), tx)),
    async state(key) {
      const found = await database.orm.select().from(participant).where(eq(participant.key, key));
      return found[0]?.state;
    },
    async announced(key) {
      const rows = await database.orm.select().from(outboxTable).orderBy(outboxTable.id);
      const wanted = rows.filter(({ aggregateId }) => key === undefined || aggregateId === key);
      return wanted.map(({ type }) => type.slice(type.lastIndexOf(".") + 1));
    },
    async notes() {
      return (await database.sql`select text from note order by id`).map(({ text }) => String(text));
    },
    async effects(key) {
      const found = await database.orm.select().from(effect).where(eq(effect.key, key)).orderBy(effect.id);
      return found.map((row) => `${row.name} ${row.status}`);
    },
    async timers(key) {
      const found = await database.orm.select().from(timer).where(eq(timer.key, key));
      return found.map((row) => row.name);
    },
    async [Symbol.asyncDispose]() {
      await database.stop();
      await databases[Symbol.asyncDispose]();
    },
  };
}

/** Writes a line into the test's own table. */
export async function note(tx: Transaction, text: string): Promise<void> {
  await tx.execute(sql`insert into note (text) values (${text})`);
}

function deliveryOf<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Delivery {
  const event = eventContract(schema);
  if (!event) throw new TypeError(`${schema.typeName} is no event`);
  const message = create(schema, init);
  const key = eventKey(event, message);
  return {
    eventId: uuidv7(),
    type: schema.typeName,
    subject: `${event.subjectPrefix}.${key}`,
    key,
    aggregateVersion: 1,
    time: new Date(),
    trace: newTrace(),
    correlationId: key,
    headers: {},
    payload: toBinary(schema, message),
    deliveries: 1,
  };
}
