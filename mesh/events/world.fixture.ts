import { sql } from "drizzle-orm";
import { vi } from "vitest";
import { InventoryReactionService } from "#gen/shop/inventory/reactions/v1/inventory_reactions_pb.ts";
import { file_shop_inventory_v1_inventory_events } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import {
  file_shop_order_v1_order_events,
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { type Contract, eventContract, readContract } from "#mesh/contract";
import { createDatabase, type Database, meshMigrations, type Transaction } from "#mesh/db";
import { silentLogger, type TestNats, testDatabases, testNats } from "#mesh/testing";
import type { Broker } from "./broker.ts";
import { createEvents, type Events, type EventsOptions } from "./create-events.ts";
import type { Delivery, Receive } from "./delivery.ts";
import { type Emission, event, type TypedEvent } from "./event.ts";
import { natsBroker } from "./nats/index.ts";
import { consumersOf, deleteStream } from "./nats/streams.fixture.ts";

/** A service of a test: its database and its events. */
export interface TestService {
  readonly database: Database;
  readonly events: Events;
  /** Appends events in one transaction. */
  announce(...events: TypedEvent[]): Promise<void>;
}

/** A broker and databases of a test's own, and the services on them. */
export interface TestWorld extends AsyncDisposable {
  readonly nats: TestNats;
  /** Starts a replica of the service that announces orders. */
  orders(options?: Partial<EventsOptions>): Promise<TestService>;
  /** Starts a replica of the service that takes orders in. */
  inventory(receive: Receive, options?: Partial<EventsOptions>): Promise<TestService>;
  /** Stops one service before the end of the test. */
  stop(service: TestService): Promise<void>;
  /** Deletes a stream and all that it holds. */
  removeStream(name: string): Promise<void>;
  /** Name of the only consumer of a stream. */
  durableOf(stream: string): Promise<string>;
  /** A connection to the broker beside the services. */
  broker(): Promise<Broker>;
}

/** What the service announces that takes orders. */
export const ordersContract: Contract = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});

/** What the service declares that takes orders in. */
export const inventoryContract: Contract = readContract({
  services: [InventoryService],
  events: file_shop_inventory_v1_inventory_events,
  reactions: InventoryReactionService,
});

/** Starts an empty world, on the shared Postgres unless another is given. Use with `await using`. */
export async function testWorld(postgresUrl?: string): Promise<TestWorld> {
  const nats = await testNats();
  const databases = postgresUrl === undefined ? testDatabases() : ownDatabases(postgresUrl);
  const services = new Set<TestService>();
  const brokers: Broker[] = [];

  async function start(contract: Contract, options: Partial<EventsOptions>): Promise<TestService> {
    const log = silentLogger();
    const name = databases.prefix + contract.name.replace(".", "_");
    const database = createDatabase({
      ...{ postgresUrl: databases.postgresUrl, name, migrations: [meshMigrations], log },
    });
    const events = createEvents({ contract, database, natsUrl: nats.url, log, ...options });
    const service = {
      ...{ database, events },
      announce: (...announced: TypedEvent[]) =>
        database.transaction((tx) => events.outbox.append(tx, announced.map(emission))),
    };
    await database.start();
    services.add(service);
    await events.start();
    return service;
  }

  async function stop(service: TestService): Promise<void> {
    if (services.delete(service)) {
      await service.events.stop();
      await service.database.stop();
    }
  }

  return {
    nats,
    orders: (options = {}) => start(ordersContract, options),
    inventory: (receive, options = {}) => start(inventoryContract, { receive, ...options }),
    stop,
    removeStream: (name) => deleteStream(nats.url, name),
    durableOf: async (stream) => (await consumersOf(nats.url, stream)).at(0) ?? "",
    async broker() {
      const broker = natsBroker({ url: nats.url, name: "test", log: silentLogger() });
      await broker.start();
      brokers.push(broker);
      return broker;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...services].map(stop));
      await Promise.all(brokers.map((broker) => broker.stop()));
      await databases[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** A server of the test's own needs no cleaning up. */
function ownDatabases(postgresUrl: string) {
  return { postgresUrl, prefix: "", [Symbol.asyncDispose]: async () => undefined };
}

/** Events of the order with this id. */
export const placed = (orderId: string) => event(OrderPlacedSchema, { orderId });
export const confirmed = (orderId: string) => event(OrderConfirmedSchema, { orderId });
export const cancelled = (orderId: string) => event(OrderCancelledSchema, { orderId });

/** An event as append() takes it. */
export function emission({ schema, message }: TypedEvent): Emission {
  const contract = eventContract(schema);
  if (contract === undefined) {
    throw new Error(`${schema.typeName} is no event`);
  }
  return { event: contract, message };
}

/** Opens a transaction, runs `work` in it, and returns what commits it. */
export async function openTransaction(database: Database, work: (tx: Transaction) => Promise<void>) {
  const worked = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const ended = database.transaction(async (tx) => {
    await work(tx).then(worked.resolve, worked.reject);
    await commit.promise;
  });
  await worked.promise;
  return async () => {
    commit.resolve();
    await ended;
  };
}

/** Waits until a check passes. */
export const waitFor = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

/** A handler that remembers what it took in. */
export function recorder() {
  const taken: Delivery[] = [];
  const receive: Receive = async (delivery) => {
    taken.push(delivery);
    return "done";
  };
  return { taken, receive, keys: () => taken.map(({ key }) => key) };
}

/** Number of rows of one of the mesh's tables. */
export async function count({ database }: TestService, table: string, where = sql`true`): Promise<number> {
  const [row] = await database.orm.execute(
    sql`select count(*)::int as n from heddle.${sql.identifier(table)} where ${where}`,
  );
  return Number(row?.n);
}

/** Conditions for count(). */
export const isPublished = sql`published_at is not null`;
export const hasStatus = (status: string) => sql`status = ${status}`;
