import { and, eq, inArray, sql } from "drizzle-orm";
import { afterCommit, type Transaction } from "#mesh/db";
import { behindFault } from "#mesh/fault";
import { releaseTail } from "./blocked-tail.ts";
import { readDelivery } from "./cloud-events.ts";
import { errorHash, errorText } from "./dead-letter.ts";
import type { Act } from "./dead-letters.ts";
import { enterInbox, setInboxStatus } from "./inbox.ts";
import { park, takeFromParked } from "./parked.ts";
import { type Reception, runReceive } from "./reception.ts";
import { deadLetter, deadLetterAudit } from "./tables.ts";

/** What came of a replay: done; parked until its saga moves on; failed again; or nothing, since it is not open. */
export type ReplayOutcome =
  | { readonly outcome: "done" | "parked" | "not open" }
  | { readonly outcome: "failed"; readonly error: string };

/** What replaying needs. */
export interface ReplayOptions {
  readonly reception: Reception;
  /** Looks for parked events that have become due. */
  readonly kick: () => void;
}

type Letter = typeof deadLetter.$inferSelect;
type Action = (typeof deadLetterAudit.$inferInsert)["action"];

/** Runs the handler again; its effects, the inbox entry and the end of the letter commit together. */
export async function replay(options: ReplayOptions, id: number, act: Act): Promise<ReplayOutcome> {
  const { reception } = options;
  try {
    const outcome = await reception.database.transaction(async (tx) => {
      const letter = await claim(tx, reception.consumer, id);
      return letter === undefined ? "not open" : await takeInAgain(options, tx, letter, act);
    });
    return { outcome };
  } catch (error) {
    await noteFailure(reception, id, act, error);
    return { outcome: "failed", error: errorText(error) };
  }
}

/** Ends a letter without its effects. */
export async function discard({ reception, kick }: ReplayOptions, id: number, act: Act): Promise<boolean> {
  return await reception.database.transaction(async (tx) => {
    const letter = await claim(tx, reception.consumer, id);
    if (letter !== undefined) {
      await setInboxStatus(tx, letter.eventId, reception.consumer, "dead");
      await end(tx, letter, "discarded", act);
      afterCommit(tx, () => behindFault("dead-letter.discarded", kick));
    }
    return letter !== undefined;
  });
}

async function takeInAgain(
  { reception, kick }: ReplayOptions,
  tx: Transaction,
  letter: Letter,
  act: Act,
): Promise<"done" | "parked"> {
  const { subject, headers, payload, deliveries } = letter;
  const delivery = readDelivery({ subject, headers, payload, deliveries: deliveries + 1 });
  const outcome = await runReceive(reception, delivery, tx);
  if (outcome === "parked") {
    await park(tx, reception.consumer, delivery);
  }
  await setInboxStatus(tx, delivery.eventId, reception.consumer, outcome);
  await end(tx, letter, "replayed", act);
  afterCommit(tx, () => behindFault("dead-letter.replayed", kick));
  return outcome;
}

/**
 * Locks a letter that can still be acted on. The event of one that is being tried again is taken out of that first, in
 * the order in which a reception takes its locks: where it waits, or in the inbox, in which a delivery that comes or is
 * under way finds it then. Undefined when it was taken in meanwhile.
 */
async function claim(tx: Transaction, consumer: string, id: number): Promise<Letter | undefined> {
  const isLetter = and(eq(deadLetter.id, id), eq(deadLetter.consumer, consumer));
  const [found] = await tx
    .select({ eventId: deadLetter.eventId, state: deadLetter.state })
    .from(deadLetter)
    .where(isLetter);
  if (found?.state === "retrying") {
    const mine =
      (await takeFromParked(tx, found.eventId, consumer)) || (await enterInbox(tx, found.eventId, consumer, "dead"));
    if (!mine) return undefined;
  }
  return await lockLetter(tx, consumer, id);
}

async function lockLetter(tx: Transaction, consumer: string, id: number): Promise<Letter | undefined> {
  const isLetter = and(eq(deadLetter.id, id), eq(deadLetter.consumer, consumer));
  const canAct = inArray(deadLetter.state, ["open", "retrying"]);
  const [letter] = await tx.select().from(deadLetter).where(and(isLetter, canAct)).for("update");
  return letter;
}

async function end(tx: Transaction, { id }: Letter, state: "replayed" | "discarded", act: Act): Promise<void> {
  await tx.update(deadLetter).set({ state }).where(eq(deadLetter.id, id));
  await releaseTail(tx, id);
  await record(tx, id, state, act);
}

async function noteFailure({ consumer, database, log }: Reception, id: number, act: Act, error: unknown) {
  const text = errorText(error);
  await database.transaction(async (tx) => {
    const letter = await lockLetter(tx, consumer, id);
    if (letter !== undefined) {
      const seen = { error: text, errorHash: errorHash(text), lastSeen: sql`now()`, deliveries: letter.deliveries + 1 };
      await tx.update(deadLetter).set(seen).where(eq(deadLetter.id, id));
      await record(tx, id, "replay failed", act);
    }
  });
  log.warn({ deadLetter: id, who: act.who, err: error }, "a replayed event failed again");
}

async function record(tx: Transaction, id: number, action: Action, { who, why }: Act): Promise<void> {
  await tx.insert(deadLetterAudit).values({ deadLetter: id, action, who, why });
}
