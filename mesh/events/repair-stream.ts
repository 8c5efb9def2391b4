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

async function unpublishMissing(compared: Compared): Promise<number> {
  const { broker, name, tail, record, log } = compared;
  const { firstSequence, lastSequence, messages } = tail;
  const holes = lastSequence - firstSequence + 1 - messages;
  if (messages === 0 || holes === 0) {
    return 0;
  }
  const named = new Set(await broker.missingSequences(name));
  if (named.size >= holes) {
    return await record.unpublishAt([...named].filter((sequence) => sequence >= firstSequence));
  }
  log.warn({ stream: name, ...tail }, "the stream has holes that it does not name: looking for them one by one");
  return await record.unpublishAt(await emptyPositions(compared));
}

/**
 * Positions that hold nothing though the outbox has published to them. One question for each event: needed only where
 * a file of the store is gone and the server is too old to say what was in it (before 2.10).
 */
async function emptyPositions({ broker, name, tail, record }: Compared): Promise<number[]> {
  const empty: number[] = [];
  let positions = await record.positionsFrom(tail.firstSequence);
  for (let last = positions.at(-1); last !== undefined; last = positions.at(-1)) {
    const found = await Promise.all(positions.map((position) => broker.eventIdAt(name, position)));
    empty.push(...positions.filter((_, index) => found[index] === undefined));
    positions = await record.positionsFrom(last + 1);
  }
  return empty;
}
