import { eq, sql } from "drizzle-orm";
import type { Database, Transaction } from "#mesh/db";
import type { Answer } from "./answer.ts";
import type { Amount, Authorization, AuthorizationStatus } from "./authorization.ts";
import { answer, authorization } from "./schema.ts";

/** Sum of the amounts of one currency and status, in billionths of a unit as a decimal string. */
export interface Total {
  readonly status: AuthorizationStatus;
  readonly currencyCode: string;
  readonly count: number;
  readonly totalNanos: string;
}

/** Makes operations on one reference wait for each other, also where the reference is not known yet. */
export async function lockReference(tx: Transaction, reference: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${reference}, 0))`);
}

/** Returns what is known about a reference. */
export async function findAuthorization(
  db: Transaction | Database["orm"],
  reference: string,
): Promise<Authorization | undefined> {
  const [row] = await db.select().from(authorization).where(eq(authorization.reference, reference));
  return row && toAuthorization(row);
}

/** Lists everything, oldest first. */
export async function listAuthorizations(db: Database["orm"]): Promise<Authorization[]> {
  const rows = await db.select().from(authorization).orderBy(authorization.createdAt, authorization.reference);
  return rows.map(toAuthorization);
}

/** Adds up the amounts by status and currency. */
export async function sumAuthorizations(db: Database["orm"]): Promise<Total[]> {
  const { status, currencyCode, units, nanos } = authorization;
  const rows = await db
    .select({
      status,
      currencyCode: sql<string>`coalesce(${currencyCode}, '')`,
      count: sql<number>`count(*)::int`,
      totalNanos: sql<string>`coalesce(sum(${units}::numeric * 1000000000 + ${nanos}), 0)::text`,
    })
    .from(authorization)
    .groupBy(status, currencyCode)
    .orderBy(status, currencyCode);
  return rows;
}

/** Writes an authorization, new or moved on. */
export async function saveAuthorization(tx: Transaction, value: Authorization): Promise<void> {
  const { amount, ...rest } = value;
  const row = { ...rest, ...fromAmount(amount) };
  await tx
    .insert(authorization)
    .values(row)
    .onConflictDoUpdate({ target: authorization.reference, set: { status: value.status } });
}

/** Returns the answer already given for an idempotency key. */
export async function findAnswer(
  db: Transaction | Database["orm"],
  idempotencyKey: string,
): Promise<(Answer & { fingerprint: string }) | undefined> {
  const [row] = await db.select().from(answer).where(eq(answer.idempotencyKey, idempotencyKey));
  return row;
}

/** Keeps an answer for whoever asks again with the same key. */
export async function saveAnswer(
  tx: Transaction,
  key: { idempotencyKey: string; fingerprint: string },
  given: Answer,
): Promise<void> {
  await tx.insert(answer).values({ ...key, ...given });
}

function fromAmount(amount: Amount | undefined) {
  if (!amount) return { currencyCode: null, units: null, nanos: null };
  return { currencyCode: amount.currencyCode, units: BigInt(amount.units), nanos: amount.nanos };
}

function toAuthorization(row: typeof authorization.$inferSelect): Authorization {
  const { reference, status, paymentMethod, declineCode, currencyCode, units, nanos } = row;
  const amount =
    currencyCode === null || units === null || nanos === null
      ? undefined
      : { currencyCode, units: units.toString(), nanos };
  return { reference, status, amount, paymentMethod, declineCode };
}
