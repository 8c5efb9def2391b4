import { and, count, desc, eq, getTableColumns, gte, inArray, max, min, type SQL } from "drizzle-orm";
import { discard, type ReplayOptions, type ReplayOutcome, replay } from "./replay.ts";
import { deadLetter, deadLetterAudit } from "./tables.ts";

export type { ReplayOutcome } from "./replay.ts";

/** Who acts on a dead letter, and why: kept in the audit. */
export interface Act {
  readonly who: string;
  readonly why: string;
}

/** Which dead letters are meant: those that meet everything given. */
export interface DeadLetterFilter {
  /** Left out: those that somebody has to look after, open or retrying. */
  readonly state?: "open" | "retrying" | "recovered" | "replayed" | "discarded";
  /** Full name of the event's message. */
  readonly type?: string;
  readonly key?: string;
  readonly eventId?: string;
  readonly errorHash?: string;
  /** Seen last at this time or later. */
  readonly since?: Date;
  /** Most entries of an answer. Default 100. */
  readonly limit?: number;
}

/** A dead letter without what it carries. */
export type DeadLetterSummary = Omit<DeadLetterDetail, "headers" | "payload" | "audit">;

/** A dead letter with all that is known of it. The payload is not redacted. */
export type DeadLetterDetail = typeof deadLetter.$inferSelect & { readonly audit: readonly AuditEntry[] };

/** What was done with a dead letter. */
export type AuditEntry = typeof deadLetterAudit.$inferSelect;

/** Dead letters whose errors read alike. */
export interface DeadLetterGroup {
  readonly errorHash: string;
  readonly type: string;
  readonly count: number;
  /** One of the errors. */
  readonly error: string;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

/**
 * The events that a service gave up, and the critical ones that it never gives up but cannot take in, for whoever is on
 * call. Ids are those of this service's letters.
 */
export interface DeadLetters {
  /** Last seen first. */
  list(filter?: DeadLetterFilter): Promise<DeadLetterSummary[]>;
  /** The same, counted by error and type; the largest group first. */
  groups(filter?: DeadLetterFilter): Promise<DeadLetterGroup[]>;
  show(id: number): Promise<DeadLetterDetail | undefined>;
  /**
   * Runs the handler of this service again, with the same event id and for this service alone. When it succeeds, what
   * waited behind the letter follows in order; when it fails, the letter stays, with the new error. An event that is
   * tried again anyway is tried at once.
   */
  replay(id: number, act: Act): Promise<ReplayOutcome>;
  /**
   * Gives the event up for good and lets what waited behind it go on. The only way in which a critical event ends without
   * being taken in. Returns false when the letter is neither open nor retrying.
   */
  discard(id: number, act: Act): Promise<boolean>;
  /** What was done last, of all letters. Newest first, at most `limit` (default 100). */
  audit(limit?: number): Promise<AuditEntry[]>;
}

const defaultLimit = 100;

/** Opens the dead letters of a service. */
export function createDeadLetters(options: ReplayOptions): DeadLetters {
  const { orm } = options.reception.database;
  const { consumer } = options.reception;
  const meets = (filter: DeadLetterFilter) => and(eq(deadLetter.consumer, consumer), ...conditions(filter));

  return {
    async list(filter = {}) {
      const { headers: _, payload: __, ...columns } = getTableColumns(deadLetter);
      return await orm
        .select(columns)
        .from(deadLetter)
        .where(meets(filter))
        .orderBy(desc(deadLetter.lastSeen), desc(deadLetter.id))
        .limit(filter.limit ?? defaultLimit);
    },
    async groups(filter = {}) {
      const rows = await orm
        .select({
          errorHash: deadLetter.errorHash,
          type: deadLetter.type,
          count: count(),
          error: max(deadLetter.error),
          firstSeen: min(deadLetter.firstSeen),
          lastSeen: max(deadLetter.lastSeen),
        })
        .from(deadLetter)
        .where(meets(filter))
        .groupBy(deadLetter.errorHash, deadLetter.type)
        .orderBy(desc(count()))
        .limit(filter.limit ?? defaultLimit);
      return rows.map(({ error, firstSeen, lastSeen, ...rest }) => ({
        ...rest,
        error: error ?? "",
        firstSeen: firstSeen ?? new Date(0),
        lastSeen: lastSeen ?? new Date(0),
      }));
    },
    async show(id) {
      const [letter] = await orm
        .select()
        .from(deadLetter)
        .where(and(eq(deadLetter.id, id), eq(deadLetter.consumer, consumer)));
      const entries = orm.select().from(deadLetterAudit).where(eq(deadLetterAudit.deadLetter, id));
      return letter && { ...letter, audit: await entries.orderBy(deadLetterAudit.id) };
    },
    replay: (id, act) => replay(options, id, act),
    discard: (id, act) => discard(options, id, act),
    audit: async (limit = defaultLimit) =>
      await orm.select().from(deadLetterAudit).orderBy(desc(deadLetterAudit.id)).limit(limit),
  };
}

function conditions({ state, type, key, eventId, errorHash, since }: DeadLetterFilter): SQL[] {
  return [
    state === undefined ? inArray(deadLetter.state, ["open", "retrying"]) : eq(deadLetter.state, state),
    ...(type === undefined ? [] : [eq(deadLetter.type, type)]),
    ...(key === undefined ? [] : [eq(deadLetter.key, key)]),
    ...(eventId === undefined ? [] : [eq(deadLetter.eventId, eventId)]),
    ...(errorHash === undefined ? [] : [eq(deadLetter.errorHash, errorHash)]),
    ...(since === undefined ? [] : [gte(deadLetter.lastSeen, since)]),
  ];
}
