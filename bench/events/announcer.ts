import { create } from "@bufbuild/protobuf";
import { pino } from "pino";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import {
  file_shop_order_v1_order_events,
  type OrderPlaced,
  OrderPlacedSchema,
} from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { eventContract, readContract } from "#mesh/contract";
import { createDatabase, type Database, meshMigrations } from "#mesh/db";
import { createEvents, type Events } from "#mesh/events";

/** A service that announces orders and does nothing else. */
export interface Announcer {
  readonly database: Database;
  /** Replica of its events: nothing is published before its start(). `now` says what is old; default the clock. */
  createEvents(now?: () => number): Events;
}

const log = pino({ level: "warn" }, pino.destination(2));
const contract = readContract({
  services: [OrderService],
  events: file_shop_order_v1_order_events,
  reactions: OrderReactionService,
});

/** Creates the service and its database. */
export async function createAnnouncer(postgresUrl: string, natsUrl: string): Promise<Announcer> {
  const database = createDatabase({ postgresUrl, name: "bench_announcer", migrations: [meshMigrations], log });
  await database.start();
  return { database, createEvents: (now = Date.now) => createEvents({ contract, database, natsUrl, now, log }) };
}

/** Announces one order for each id, in one transaction. */
export async function announce({ database }: Announcer, events: Events, orderIds: readonly string[]): Promise<void> {
  const event = eventContract(OrderPlacedSchema);
  if (event === undefined) throw new Error("OrderPlaced is no event");
  const emissions = orderIds.map((orderId) => ({ event, message: placed(orderId) }));
  await database.transaction((tx) => events.outbox.append(tx, emissions));
}

/** An order as the shop announces it: with its headers about 1 KB. */
function placed(orderId: string): OrderPlaced {
  return create(OrderPlacedSchema, {
    orderId,
    userId: "018f3c1e-7a00-7000-8000-000000000001",
    items: [1, 2, 3].map((n) => ({ productId: `018f3c1e-7a00-7000-8000-00000000010${n}`, quantity: n })),
    total: { currencyCode: "EUR", units: 129n, nanos: 990_000_000 },
    paymentMethod: "pm_card_visa",
  });
}
