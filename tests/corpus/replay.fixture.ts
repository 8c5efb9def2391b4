import { expect } from "vitest";
import type { Contract, ContractSources } from "#mesh/contract";
import { eventually } from "#mesh/testing";
import type { Inside, TestMesh } from "../../services/shop/mesh.fixture.ts";
import type { RecordedEvent, Story } from "./story.ts";

/** A service of today that takes in what was recorded. */
export interface Consumer {
  readonly contract: Contract;
  /** Contracts of all services whose events were recorded, by name. */
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly mesh: TestMesh;
  /** Does what a customer did when the service announced an event of its own accord. Returns an id that is another now. */
  readonly command?: (event: RecordedEvent) => Promise<string | undefined>;
}

/** Takes one story in. */
export type Replay = (story: Story) => Promise<void>;

const patience = { timeoutMs: 20_000, intervalMs: 20 };

/**
 * Prepares the streams of a consumer's neighbours. The returned function plays a story: what neighbours announced goes
 * to their streams byte for byte; before the story goes on, the consumer has taken it in, or has announced by itself
 * what it announced then. In the end its participants rest where they did, and nothing is set aside.
 */
export async function replayTo({ contract, contracts, mesh, command }: Consumer): Promise<Replay> {
  const own = await mesh.inside(contract.name);
  const wanted = new Set(contract.reactions?.events.map(({ event }) => event.message.typeName));
  const neighbours = await Promise.all(
    [...contracts.values()]
      .filter(({ name }) => name !== contract.name)
      .map(async (neighbour) => {
        await mesh.announcer(sourcesOf(neighbour));
        return [neighbour.name, await mesh.inside(`neighbour.${neighbour.name}`)] as const;
      }),
  );
  const outboxes = new Map<string, Inside>(neighbours);

  return async (story) => {
    const begin = await newestOf(own);
    // Ids that the consumer gives are others than they were.
    const ids = new Map<string, string>();
    const translate = (text: string) => [...ids].reduce((now, [then, id]) => now.replaceAll(then, id), text);
    const then: RecordedEvent[] = [];
    const kindsOfThen = () => then.map((event) => kindOf(translated(event, translate))).toSorted();
    for (const event of story.events) {
      if (event.service === contract.name) {
        const id = await command?.(translated(event, translate));
        if (id !== undefined) ids.set(event.key, id);
        then.push(event);
        continue;
      }
      await eventually(async () => {
        expect(missingFrom(await announcedSince(own, begin), kindsOfThen())).toEqual([]);
      }, patience);
      const outbox = outboxes.get(event.service);
      if (!outbox) throw new Error(`nobody plays ${event.service}`);
      await publish(outbox, translated(event, translate));
      if (wanted.has(event.type)) {
        await eventually(async () => expect(await own.received(eventIdOf(event)), event.type).toBe(true), patience);
      }
    }
    await eventually(async () => expect(await announcedSince(own, begin)).toEqual(kindsOfThen()), patience);
    for (const [key, state] of Object.entries(story.rest[contract.name] ?? {})) {
      await eventually(async () => expect(await own.state(translate(key))).toBe(state), patience);
    }
    const setAside = await own.database.sql`select type, error from heddle.dead_letter`;
    expect(setAside).toEqual([]);
  };
}

function sourcesOf({ name, services, events, reactions }: Contract): ContractSources {
  const [main, ...others] = services;
  const [first] = events.values();
  if (!main || !first) throw new Error(`${name} announces nothing`);
  const reacting = reactions && { reactions: reactions.service };
  return { services: [main, ...others], events: first.message.file, ...reacting };
}

function eventIdOf({ headers }: RecordedEvent): string {
  return headers["ce-id"] ?? "";
}

/** The same event of another key. Ids are of one length, so a message keeps its form though nobody reads it. */
function translated(event: RecordedEvent, translate: (text: string) => string): RecordedEvent {
  const headers = Object.entries(event.headers).map(([name, value]) => [name, translate(value)]);
  const payload = Buffer.from(translate(Buffer.from(event.payload, "base64").toString("latin1")), "latin1");
  return {
    ...event,
    key: translate(event.key),
    subject: translate(event.subject),
    headers: Object.fromEntries(headers),
    payload: payload.toString("base64"),
  };
}

/** Leaves an event to the relay of the neighbour that announced it. */
async function publish({ database }: Inside, event: RecordedEvent): Promise<void> {
  const { aggregate, key, aggregateVersion, type, subject, headers, payload } = event;
  await database.sql`
    insert into heddle.outbox (event_id, aggregate, aggregate_id, aggregate_version, type, subject, headers, payload)
    values (${eventIdOf(event)}, ${aggregate}, ${key}, ${aggregateVersion}, ${type}, ${subject},
      ${database.sql.json(headers)}, decode(${payload}, 'base64'))`;
}

async function newestOf({ database }: Inside): Promise<number> {
  const [row] = await database.sql`select coalesce(max(id), 0)::int as newest from heddle.outbox`;
  return Number(row?.newest);
}

/** Kinds of events that the service has announced since then, in the order of their names. */
async function announcedSince({ database }: Inside, begin: number): Promise<string[]> {
  const rows = await database.sql`select type, aggregate_id as key from heddle.outbox where id > ${begin}`;
  return rows.map(({ type, key }) => kindOf({ type, key })).toSorted();
}

const kindOf = ({ type, key }: Pick<RecordedEvent, "type" | "key">): string => `${type} of ${key}`;

/** What of a list is not in another one as often. */
function missingFrom(found: readonly string[], wanted: readonly string[]): string[] {
  const left = [...found];
  return wanted.filter((kind) => {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
