import postgres from "postgres";

/** What Postgres has done for one database, or for all. */
export interface Work {
  /** Committed transactions, those of single statements included. */
  readonly transactions: number;
  readonly statements: number;
  /** Rows written. */
  readonly inserted: number;
  readonly changed: number;
}

/** What Postgres has done so far. */
export interface Statistics {
  readonly byDatabase: ReadonlyMap<string, Work>;
  /** Transactions that have written something, in all databases. */
  readonly writes: number;
}

/** Reads the server's counters, once sessions have handed theirs in. */
export async function readStatistics(postgresUrl: string): Promise<Statistics> {
  // A session hands in its counters a second after they changed, at the latest.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const sql = postgres(postgresUrl, { max: 1 });
  const rows = await sql`
    select datname, xact_commit::float8 as transactions, tup_inserted::float8 as inserted,
      (tup_updated + tup_deleted)::float8 as changed,
      (select coalesce(sum(calls), 0)::float8 from pg_stat_statements where dbid = datid) as statements
    from pg_stat_database where datname ~ '^(platform|shop)'`;
  const [next] = await sql`select pg_snapshot_xmax(pg_current_snapshot())::text::float8 as xid`;
  await sql.end();
  return {
    byDatabase: new Map(
      rows.map(({ datname, transactions, statements, inserted, changed }) => [
        datname,
        { transactions, statements, inserted, changed },
      ]),
    ),
    writes: next?.xid,
  };
}

/** What was done between two readings, by database and for each of `count`. */
export function workBetween(before: Statistics, after: Statistics, count: number): Map<string, Work> {
  return new Map(
    [...after.byDatabase].map(([name, work]) => {
      const past = before.byDatabase.get(name);
      const each = (what: keyof Work) => (work[what] - (past?.[what] ?? 0)) / count;
      return [
        name,
        {
          transactions: each("transactions"),
          statements: each("statements"),
          inserted: each("inserted"),
          changed: each("changed"),
        },
      ];
    }),
  );
}
