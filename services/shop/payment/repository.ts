import { and, eq, sql } from "drizzle-orm";
import type { Database, Transaction } from "#mesh/db";
import { participant } from "#mesh/saga";
import type { Payment } from "./payment.ts";
import { payment } from "./schema.ts";

/** A payment with the state of its part in the checkout. */
export interface PaymentRecord extends Payment {
  readonly state: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Returns the payment of an order. */
export async function findPayment(db: Database["orm"], orderId: string): Promise<PaymentRecord | undefined> {
  const [row] = await db
    .select({ payment, state: participant.state, updatedAt: participant.updatedAt })
    .from(payment)
    .innerJoin(participant, and(eq(participant.saga, "checkout"), eq(participant.key, sql`${payment.orderId}::text`)))
    .where(eq(payment.orderId, orderId));
  if (!row) return undefined;
  const { currencyCode, units, nanos, ...rest } = row.payment;
  return { ...rest, amount: { currencyCode, units, nanos }, state: row.state, updatedAt: row.updatedAt };
}

/** Keeps what is to be paid. */
export async function insertPayment(tx: Transaction, { amount, ...rest }: Payment): Promise<void> {
  const { currencyCode, units, nanos } = amount;
  await tx.insert(payment).values({ ...rest, currencyCode, units, nanos });
}

/** Keeps the provider's reason for a declined payment. */
export async function saveDeclineCode(tx: Transaction, orderId: string, declineCode: string): Promise<void> {
  await tx.update(payment).set({ declineCode }).where(eq(payment.orderId, orderId));
}
