import { and, asc, desc, eq, inArray, lt, sql } from "drizzle-orm";
import type { OrderReason } from "#gen/shop/order/v1/order_service_pb.ts";
import type { Database, Transaction } from "#mesh/db";
import { participant } from "#mesh/saga";
import type { Address, Order } from "./order.ts";
import { deletedUser, order, type StoredLine } from "./schema.ts";

/** An order with the state of its part in the checkout. */
export interface OrderRecord extends Order {
  readonly reason: OrderReason;
  readonly state: string;
  /** Number of steps that it has taken in the checkout. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Which orders to list. */
export interface OrderRange {
  /** Whose; undefined for everyone's. */
  readonly userId: string | undefined;
  /** Only those placed before this one. */
  readonly beforeId: string | undefined;
  readonly limit: number;
}

const checkout = and(eq(participant.saga, "checkout"), eq(participant.key, sql`${order.id}::text`));

/** Returns an order. */
export async function findOrder(db: Database["orm"], id: string): Promise<OrderRecord | undefined> {
  const [row] = await selectOrders(db).where(eq(order.id, id));
  return row && toRecord(row);
}

/** Returns the versions of orders. */
export async function findVersions(db: Database["orm"], ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .select({ id: participant.key, version: participant.version })
    .from(participant)
    .where(and(eq(participant.saga, "checkout"), inArray(participant.key, [...ids])));
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/** Returns the order that a user placed with a request id. */
export async function findByRequest(
  db: Database["orm"],
  userId: string,
  requestId: string,
): Promise<OrderRecord | undefined> {
  const [row] = await selectOrders(db).where(and(eq(order.userId, userId), eq(order.requestId, requestId)));
  return row && toRecord(row);
}

/** Lists orders, newest first. */
export async function listOrders(db: Database["orm"], range: OrderRange): Promise<OrderRecord[]> {
  const { userId, beforeId, limit } = range;
  const rows = await selectOrders(db)
    .where(and(userId ? eq(order.userId, userId) : undefined, beforeId ? lt(order.id, beforeId) : undefined))
    .orderBy(desc(order.id))
    .limit(limit);
  return rows.map(toRecord);
}

/** Keeps a new order. Answers when it was placed; undefined when its user has used the request id before. */
export async function insertOrder(tx: Transaction, value: Order): Promise<Date | undefined> {
  const { total, lines, requestId, ...rest } = value;
  const row = { ...rest, ...total, requestId: requestId || null, lines: lines.map(toStoredLine) };
  const [inserted] = await tx
    .insert(order)
    .values(row)
    .onConflictDoNothing({ target: [order.userId, order.requestId] })
    .returning({ createdAt: order.createdAt });
  return inserted?.createdAt;
}

/** Writes down why an order ends, and returns whose it is. */
export async function saveReason(tx: Transaction, id: string, reason: OrderReason): Promise<string> {
  const [row] = await tx.update(order).set({ reason }).where(eq(order.id, id)).returning({ userId: order.userId });
  if (!row) throw new Error(`there is no order ${id}`);
  return row.userId;
}

/** Returns whose order it is, and where it goes. */
export async function findCustomer(
  tx: Transaction,
  id: string,
): Promise<{ readonly userId: string; readonly shippingAddress: Address }> {
  const { userId, shippingAddress } = order;
  const [row] = await tx.select({ userId, shippingAddress }).from(order).where(eq(order.id, id));
  if (!row) throw new Error(`there is no order ${id}`);
  return row;
}

/** Whether a user is gone. Until the transaction ends, the user cannot go. */
export async function holdUser(tx: Transaction, userId: string): Promise<{ deleted: boolean }> {
  await tx.execute(sql`select pg_advisory_xact_lock_shared(${userLock(userId)})`);
  const found = await tx.select().from(deletedUser).where(eq(deletedUser.userId, userId));
  return { deleted: found.length > 0 };
}

/** Writes down that a user is gone, once all orders that the user is placing at the moment are there or given up. */
export async function markUserDeleted(tx: Transaction, userId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${userLock(userId)})`);
  await tx.insert(deletedUser).values({ userId }).onConflictDoNothing();
}

/** Returns a user's pending orders and keeps them from moving until the transaction ends. */
export async function lockPendingOrders(tx: Transaction, userId: string): Promise<string[]> {
  const ofUser = tx
    .select({ key: sql`${order.id}::text` })
    .from(order)
    .where(eq(order.userId, userId));
  const rows = await tx
    .select({ id: participant.key })
    .from(participant)
    .where(and(eq(participant.saga, "checkout"), eq(participant.state, "PENDING"), inArray(participant.key, ofUser)))
    .orderBy(asc(participant.key))
    .for("update");
  return rows.map((row) => row.id);
}

function selectOrders(db: Database["orm"]) {
  return db
    .select({ order, state: participant.state, version: participant.version, updatedAt: participant.updatedAt })
    .from(order)
    .innerJoin(participant, checkout);
}

interface Row {
  readonly order: typeof order.$inferSelect;
  readonly state: string;
  readonly version: number;
  readonly updatedAt: Date;
}

function toRecord({ order: row, state, version, updatedAt }: Row): OrderRecord {
  const { currencyCode, units, nanos, lines, requestId, reason, ...rest } = row;
  return {
    ...rest,
    requestId: requestId ?? "",
    lines: lines.map(fromStoredLine),
    total: { currencyCode, units, nanos },
    reason,
    ...{ state, version, updatedAt },
  };
}

function toStoredLine({ productId, name, quantity, unitPrice }: Order["lines"][number]): StoredLine {
  const { currencyCode, units, nanos } = unitPrice;
  return { productId, name, quantity, unitPrice: { currencyCode, units: units.toString(), nanos } };
}

function fromStoredLine(line: StoredLine): Order["lines"][number] {
  return { ...line, unitPrice: { ...line.unitPrice, units: BigInt(line.unitPrice.units) } };
}

// 64 bits of a digest: two users that share them merely wait for each other.
function userLock(userId: string) {
  return sql`hashtextextended(${`order user ${userId}`}, 0)`;
}
