import type { Lane } from "#mesh/db";
import { faultPoint } from "#mesh/fault";
import type { Logger } from "#mesh/telemetry";
import type { Broker, StreamSpec, StreamTail } from "./broker.ts";
import { createOutboxRecord, type OutboxRecord } from "./outbox-repair.ts";

/** What of a broker a repair needs. */
export type RepairBroker = Pick<Broker, "inspectStream" | "missingSequences" | "eventIdAt" | "rewindConsumers">;

/** What a repair works with. */
export interface RepairOptions {
  readonly broker: RepairBroker;
  readonly stream: StreamSpec;
  /** The leader's connection. */
  readonly lane: Lane;
  readonly log: Logger;
}

/** A stream, and what the outbox says of it. */
interface Compared {
  readonly broker: RepairBroker;
  readonly name: string;
  readonly tail: StreamTail;
  readonly record: OutboxRecord;
  readonly log: Logger;
}

/**
 * Compares the stream with what the outbox holds for published, and lets the outbox publish again what the stream has
 * lost: by a rollback to older data, by a deletion of the stream, or from its middle. The inbox of each consumer makes
 * repetitions harmless.
 *
 * Run by the leader before it publishes: the stream then has no other writer. Each step may be repeated, so a crash
 * between two of them leaves the rest to the next leader; the consumers come first, because the outbox would no
 * longer tell that they are ahead.
 */
export async function repairStream({ broker, stream, lane, log }: RepairOptions): Promise<void> {
  const { name } = stream;
  const record = createOutboxRecord(lane, stream.maxAgeMs);
  const tail = await broker.inspectStream(name);
  const compared = { broker, name, tail, record, log };
  const known = await record.knownCreation(name);
  const recreated = known !== undefined && known !== tail.created;
  // Positions of another stream mean nothing in this one, and its consumers are as new as it is.
  const lastMatch = recreated ? 0 : await findLastMatch(compared);
  const rewound = await broker.rewindConsumers(name, recreated ? tail.lastSequence : lastMatch);
  if (rewound.length > 0) {
    await faultPoint("repair.rewound");
  }
  const behind = await record.unpublishAfter(lastMatch);
  const missing = recreated ? 0 : await unpublishMissing(compared);
  if (behind + missing > 0) {
    await faultPoint("repair.unpublished");
  }
  if (known !== tail.created) {
    await record.rememberCreation(name, tail.created);
  }
  if (rewound.length > 0 || behind > 0 || missing > 0) {
    const about = { stream: name, recreated, lastSequence: tail.lastSequence, lastMatch, behind, missing, rewound };
    log.error(about, "the stream had lost events: they are published again from the outbox");
  }
}

/** The position up to which the stream holds what the outbox says; all of it where nothing is known to be wrong. */
async function findLastMatch({ broker, name, tail, record }: Compared): Promise<number> {
  const { firstSequence, lastSequence } = tail;
  const agedOut = firstSequence - 1;
  let low = lastSequence;
  let high = lastSequence + 1;
  // First in growing steps: mostly the end is right.
  for (let step = 1; low > agedOut && !(await matches(low)); step *= 2) {
    high = low;
    low = Math.max(agedOut, low - step);
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await matches(middle)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;

  /** Whether the last recorded event at or below a position is where it should be. A gap tells nothing. */
  async function matches(position: number): Promise<boolean> {
    const recorded = await record.lastUpTo(position);
    if (recorded === undefined || recorded.sequence < firstSequence) {
      return true;
    }
    const found = await broker.eventIdAt(name, recorded.sequence);
    return found === undefined ? await matches(recorded.sequence - 1) : found === recorded.eventId;
  }
}

async function unpublishMissing({ broker, name, tail, record, log }: Compared): Promise<number> {
  const { firstSequence, lastSequence, messages } = tail;
  if (messages === 0 || messages === lastSequence - firstSequence + 1) {
    return 0;
  }
  const missing = await broker.missingSequences(name);
  if (missing.length < lastSequence - firstSequence + 1 - messages) {
    log.error({ stream: name, ...tail }, 'the stream has holes that it does not name: run "nats stream info" on it');
  }
  return await record.unpublishAt(missing.filter((sequence) => sequence >= firstSequence));
}
