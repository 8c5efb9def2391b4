import { and, eq, sql } from "drizzle-orm";
import type { Database, Transaction } from "#mesh/db";
import { participant } from "#mesh/saga";
import { shipment } from "./schema.ts";
import type { Address, Shipment } from "./shipment.ts";

/** A shipment with the state of its part in the checkout. */
export interface ShipmentRecord extends Shipment {
  readonly state: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Returns the shipment of an order. */
export async function findShipment(db: Database["orm"], orderId: string): Promise<ShipmentRecord | undefined> {
  const [row] = await db
    .select({ shipment, state: participant.state, updatedAt: participant.updatedAt })
    .from(shipment)
    .innerJoin(participant, and(eq(participant.saga, "checkout"), eq(participant.key, sql`${shipment.orderId}::text`)))
    .where(eq(shipment.orderId, orderId));
  if (!row) return undefined;
  const { shippingAddress, ...rest } = row.shipment;
  return { ...rest, shippingAddress: shippingAddress ?? undefined, state: row.state, updatedAt: row.updatedAt };
}

/** Keeps a new shipment. */
export async function insertShipment(tx: Transaction, value: Shipment): Promise<void> {
  await tx.insert(shipment).values(value);
}

/** Adds to a shipment where it goes. */
export async function saveAddress(tx: Transaction, orderId: string, shippingAddress: Address): Promise<void> {
  await tx.update(shipment).set({ shippingAddress }).where(eq(shipment.orderId, orderId));
}
