import { create } from "@bufbuild/protobuf";
import { and, eq, inArray, lte, sql } from "drizzle-orm";
import { TimerFiredSchema } from "#gen/heddle/v1/saga_pb.ts";
import type { TimerContract } from "#mesh/contract";
import type { Transaction } from "#mesh/db";
import { retryDelayMs } from "#mesh/events";
import { faultPoint } from "#mesh/fault";
import type { Part } from "#mesh/process";
import type { Engine } from "./engine.ts";
import { reactionHandler } from "./handler-of.ts";
import { createPump, type Found } from "./pump.ts";
import { readResult } from "./result.ts";
import { participant, timer } from "./schema.ts";
import { readCause, runLater } from "./trace.ts";
import { transition } from "./transition.ts";

/** When to look again while others hold all that is due, in milliseconds. */
const heldMs = 250;

type TimerRow = Pick<typeof timer.$inferSelect, "key" | "name" | "attempts" | "traceparent" | "cause">;

/** Makes the part that fires timers when they are due. Any number of replicas may run it. */
export function createTimerWorker(engine: Engine): Part {
  return createPump({
    name: `timers of ${engine.contract.name}`,
    log: engine.log,
    concurrency: engine.timerConcurrency ?? 8,
    stopTimeoutMs: engine.stopTimeoutMs ?? 10_000,
    wakeUp: engine.timerWakeUp,
    find: (limit) => findDue(engine, limit, (signal) => fireNext(engine, signal)),
  });
}

/** Which timer a job fires is decided when it locks one: others may have been faster. */
async function findDue(engine: Engine, limit: number, job: Found["jobs"][number]): Promise<Found> {
  const rows = await engine.database.orm
    .select({ inMs: sql<string>`extract(epoch from ${timer.dueAt} - clock_timestamp()) * 1000` })
    .from(timer)
    .where(and(eq(timer.saga, engine.saga), inArray(timer.name, timerNames(engine))))
    .orderBy(timer.dueAt)
    .limit(limit);
  const waits = rows.map(({ inMs }) => Math.ceil(Number(inMs)));
  const nextMs = waits.find((ms) => ms > 0) ?? (waits.length > 0 ? heldMs : Number.POSITIVE_INFINITY);
  return { jobs: waits.filter((ms) => ms <= 0).map(() => job), nextMs };
}

/** Fires one due timer. False when there was none that nobody else held. */
async function fireNext(engine: Engine, signal: AbortSignal): Promise<boolean> {
  const fired = await engine.database.transaction(async (tx) => {
    const row = await lockDue(engine, tx);
    if (!row) return false;
    await tx.execute(sql`savepoint firing`);
    try {
      await faultPoint("timer.locked");
      await runLater(row, { signal }, () => fire(engine, tx, row));
    } catch (error) {
      // The participant stays locked until the timer has its new time: nobody may find it due in between.
      await tx.execute(sql`rollback to savepoint firing`);
      await postpone(engine, tx, row, error);
    }
    return true;
  });
  if (fired) await faultPoint("timer.fired");
  return fired;
}

/** Locks the participant first, as every step does: two that lock in the same order cannot wait for each other. */
async function lockDue(engine: Engine, tx: Transaction): Promise<TimerRow | undefined> {
  const names = sql.param(timerNames(engine));
  const [row] = await tx.execute<Record<keyof TimerRow, unknown>>(sql`
    select armed.key, armed.name, armed.attempts, armed.traceparent, armed.cause
    from ${timer} armed join ${participant} owner on owner.saga = armed.saga and owner.key = armed.key
    where armed.saga = ${engine.saga} and armed.name = any(${names}::text[]) and armed.due_at <= now()
    order by armed.due_at limit 1 for update of owner skip locked`);
  return (
    row && {
      key: String(row.key),
      name: String(row.name),
      attempts: Number(row.attempts),
      traceparent: typeof row.traceparent === "string" ? row.traceparent : null,
      cause: readCause(row.cause),
    }
  );
}

async function fire(engine: Engine, tx: Transaction, row: TimerRow): Promise<void> {
  const contract = engine.timerContracts.find(({ method }) => method.name === row.name);
  // The state may have been left between finding the timer and locking the participant.
  const dropped = await tx
    .delete(timer)
    .where(and(isTimer(engine, row), lte(timer.dueAt, sql`now()`)))
    .returning({ key: timer.key });
  if (!contract || dropped.length === 0) return;
  const moved = await transition(engine, {
    tx,
    key: row.key,
    reception: { ...contract, ignoredIn: [], parkedIn: [] },
    cause: { by: "timer" },
    decide: (state) => decide(engine, { tx, contract, key: row.key, state }),
  });
  if (moved.outcome !== "moved") {
    engine.log.warn({ saga: engine.saga, key: row.key, timer: row.name, state: moved.state }, "timer dropped");
  }
}

interface Firing {
  readonly tx: Transaction;
  readonly contract: TimerContract;
  readonly key: string;
  readonly state: string;
}

async function decide(engine: Engine, { tx, contract, key, state }: Firing) {
  const handler = reactionHandler(engine, contract.method);
  const returned = await handler(create(TimerFiredSchema, { key }), {
    tx,
    key,
    state,
    delivery: undefined,
    log: engine.log,
  });
  return { ...readResult(contract.method, contract.results, returned), value: undefined };
}

/** A timer is never given up: what it would end must not stay open. */
async function postpone(engine: Engine, tx: Transaction, row: TimerRow, error: unknown): Promise<void> {
  const failures = row.attempts + 1;
  const waitMs = retryDelayMs(failures);
  engine.log.error(
    { err: error, saga: engine.saga, key: row.key, timer: row.name, failures },
    "timer failed, still trying",
  );
  await tx
    .update(timer)
    .set({
      attempts: failures,
      error: String(error),
      dueAt: sql`clock_timestamp() + ${waitMs} * interval '1 millisecond'`,
    })
    .where(isTimer(engine, row));
}

function isTimer({ saga }: Engine, { key, name }: TimerRow) {
  return and(eq(timer.saga, saga), eq(timer.key, key), eq(timer.name, name));
}

function timerNames({ timerContracts }: Engine): string[] {
  return timerContracts.map(({ method }) => method.name);
}
