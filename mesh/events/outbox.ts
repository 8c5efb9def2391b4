import { type DescMethod, toBinary } from "@bufbuild/protobuf";
import { sql } from "drizzle-orm";
import { uuidv7 } from "uuidv7";
import { type Contract, eventKey, eventSubject } from "#mesh/contract";
import { afterCommit, type Transaction } from "#mesh/db";
import { behindFault } from "#mesh/fault";
import { currentScope } from "#mesh/scope";
import { childTrace, formatTraceparent, newTrace } from "#mesh/telemetry";
import { type Cause, currentCause } from "./cause.ts";
import { cloudEventHeaders, type Headers, versionHeader } from "./cloud-events.ts";
import type { Emission, TypedEvent } from "./event.ts";

/** Where a service's transactions leave the events that they cause. */
export interface Outbox {
  /**
   * Stores events in the order given; they are published once the transaction has committed. Takes the lock of each
   * event's aggregate until then, which keeps the events of one aggregate in order.
   *
   * Throws a TypeError for an event that the service's contract does not declare, or that is too large.
   */
  append(tx: Transaction, emissions: readonly Emission[]): Promise<void>;
  /**
   * Announces events from an rpc method: append() for those that the method's policy declares in `emits`.
   * Throws a TypeError for any other.
   */
  announce(tx: Transaction, method: DescMethod, ...events: TypedEvent[]): Promise<void>;
}

/** What an outbox needs. */
export interface OutboxOptions {
  readonly contract: Contract;
  /** Called after each commit that stored events. */
  readonly kick: () => void;
}

/** Largest payload of an event in bytes: with its headers it fits in a message of 256 KiB. */
export const maxPayloadBytes = 248 * 1024;

interface OutboxRow {
  readonly eventId: string;
  readonly aggregate: string;
  readonly key: string;
  readonly type: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
}

/** Creates the outbox of a service. Its table is part of meshMigrations. */
export function createOutbox({ contract, kick }: OutboxOptions): Outbox {
  const append: Outbox["append"] = async (tx, emissions) => {
    const [first] = emissions;
    if (first === undefined) {
      return;
    }
    const cause = currentCause();
    const correlationId = cause?.correlationId ?? eventKey(first.event, first.message);
    await insertRows(
      tx,
      emissions.map((emission) => outboxRow(contract, emission, { ...cause, correlationId })),
    );
    afterCommit(tx, () => behindFault("outbox.committed", kick));
  };
  return {
    append,
    announce: (tx, method, ...events) => append(tx, declaredEmissions(contract, method, events)),
  };
}

function declaredEmissions(contract: Contract, method: DescMethod, events: readonly TypedEvent[]): Emission[] {
  const declared = contract.methods.get(method)?.emits ?? [];
  return events.map(({ schema, message }) => {
    const event = declared.find(({ message: { typeName } }) => typeName === schema.typeName);
    if (event === undefined) {
      throw new TypeError(
        `${method.parent.typeName}.${method.name} may not announce ${schema.typeName}: list it in "emits" of its policy`,
      );
    }
    return { event, message };
  });
}

function outboxRow(
  contract: Contract,
  { event, message }: Emission,
  { eventId: causationId, correlationId }: Partial<Cause> & { correlationId: string },
): OutboxRow {
  const type = event.message.typeName;
  if (!contract.events.has(type)) {
    throw new TypeError(`${contract.name} may not announce ${type}: no method or reaction of its contract declares it`);
  }
  const payload = toBinary(event.message, message);
  if (payload.byteLength > maxPayloadBytes) {
    throw new TypeError(`${type} is too large for an event: ${payload.byteLength} bytes, at most ${maxPayloadBytes}`);
  }
  const trace = currentScope()?.trace;
  const eventId = uuidv7();
  const key = eventKey(event, message);
  const traceparent = formatTraceparent(trace === undefined ? newTrace() : childTrace(trace));
  const attributes = { eventId, source: contract.name, type, key, time: new Date() };
  return {
    eventId,
    aggregate: event.aggregate,
    key,
    type,
    subject: eventSubject(event, message),
    headers: cloudEventHeaders({ ...attributes, correlationId, causationId, traceparent }),
    payload,
  };
}

/**
 * Raises the versions of all aggregates (locking them in one order, against deadlocks) and stores the events with
 * them, in one statement. The ids are drawn while the locks are held, so a higher id of an aggregate is never
 * committed before a lower one.
 */
async function insertRows(tx: Transaction, rows: readonly OutboxRow[]): Promise<void> {
  const column = <T>(value: (row: OutboxRow) => T) => sql.param(rows.map(value));
  await tx.execute(sql`
    with emitted as (
      select *,
        row_number() over (partition by aggregate, aggregate_id order by n) as step,
        count(*) over (partition by aggregate, aggregate_id) as steps
      from unnest(
        ${column(({ eventId }) => eventId)}::uuid[],
        ${column(({ aggregate }) => aggregate)}::text[],
        ${column(({ key }) => key)}::text[],
        ${column(({ type }) => type)}::text[],
        ${column(({ subject }) => subject)}::text[],
        ${column(({ headers }) => JSON.stringify(headers))}::text[],
        ${column(({ payload }) => Buffer.from(payload).toString("base64"))}::text[]
      ) with ordinality as event (event_id, aggregate, aggregate_id, type, subject, headers, payload, n)
    ), raised as (
      insert into heddle.aggregate as known (aggregate, id, version)
      select aggregate, aggregate_id, count(*) from emitted group by 1, 2 order by 1, 2
      on conflict (aggregate, id) do update set version = known.version + excluded.version
      returning aggregate, id, version
    )
    insert into heddle.outbox (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload)
    select event_id, emitted.aggregate, aggregate_id, version - steps + step, type, subject,
      headers::jsonb || jsonb_build_object(${versionHeader}::text, (version - steps + step)::text),
      decode(payload, 'base64')
    from emitted join raised on raised.aggregate = emitted.aggregate and raised.id = emitted.aggregate_id
    order by n
  `);
}
