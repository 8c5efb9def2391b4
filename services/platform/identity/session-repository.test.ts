import { eq } from "drizzle-orm";
import { uuidv7 } from "uuidv7";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { refreshToken, session, users } from "./schema.ts";
import { createSessionRepository, type SessionRepository } from "./session-repository.ts";
import { testDatabase } from "./test-database.ts";

let database: Awaited<ReturnType<typeof testDatabase>>;
let sessions: SessionRepository;
let userId: string;

beforeAll(async () => {
  database = await testDatabase();
  sessions = createSessionRepository(database);
});
afterAll(() => database[Symbol.asyncDispose]());

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-02T00:00:00Z");
const expired = new Date("2026-03-01T00:00:00Z");
const token = (expireTime = new Date("2026-02-01T00:00:00Z")) => ({ hash: uuidv7(), expireTime });

beforeEach(async () => {
  userId = uuidv7();
  await database.orm.insert(users).values({
    ...{ id: userId, email: `${userId}@example.com`, displayName: "Ada", passwordHash: "-", roles: ["customer"] },
    ...{ createTime: now, updateTime: now },
  });
});

async function startSession() {
  const first = token();
  const id = uuidv7();
  await sessions.start({ id, userId, createTime: now }, first);
  const exists = async () => (await database.orm.select().from(session).where(eq(session.id, id))).length === 1;
  return { id, first, exists };
}

test("tokens rotate, each continues once", async () => {
  const { first, exists } = await startSession();
  const [second, third] = [token(), token()];
  expect(await sessions.continue(first.hash, second, later)).toMatchObject({ id: userId, roles: ["customer"] });
  expect(await sessions.continue(second.hash, third, later)).toMatchObject({ id: userId });
  expect(await exists()).toBe(true);
});

test("a used token ends the session, for the latest token too", async () => {
  const { first, exists } = await startSession();
  const second = token();
  await sessions.continue(first.hash, second, later);
  expect(await sessions.continue(first.hash, token(), later)).toBeUndefined();
  expect(await exists()).toBe(false);
  expect(await sessions.continue(second.hash, token(), later)).toBeUndefined();
});

test("of many refreshes at once exactly one wins, and the session ends", async () => {
  const { first, exists } = await startSession();
  const results = await Promise.all(Array.from({ length: 8 }, () => sessions.continue(first.hash, token(), later)));
  expect(results.filter((user) => user !== undefined)).toHaveLength(1);
  expect(await exists()).toBe(false);
});

test("refresh, sign-out and removal of the user at once end without a deadlock, and the session with them", async () => {
  const { first, exists } = await startSession();
  await Promise.all([
    sessions.continue(first.hash, token(), later),
    sessions.end(first.hash),
    sessions.continue(first.hash, token(), later),
    database.orm.delete(users).where(eq(users.id, userId)),
  ]);
  expect(await exists()).toBe(false);
});

test("sessions of the same user know nothing of each other", async () => {
  const [one, other] = [await startSession(), await startSession()];
  await sessions.end(one.first.hash);
  expect(await one.exists()).toBe(false);
  expect(await sessions.continue(other.first.hash, token(), later)).toBeDefined();
});

test("a used token signs out as well, an unknown one does nothing", async () => {
  const { first, exists } = await startSession();
  await sessions.continue(first.hash, token(), later);
  await sessions.end("unknown");
  expect(await exists()).toBe(true);
  await sessions.end(first.hash);
  expect(await exists()).toBe(false);
});

test("an expired token continues nothing", async () => {
  const { first } = await startSession();
  expect(await sessions.continue(first.hash, token(), expired)).toBeUndefined();
});

test("a user who is gone gets no session", async () => {
  await database.orm.delete(users).where(eq(users.id, userId));
  expect(await sessions.start({ id: uuidv7(), userId, createTime: now }, token())).toBeUndefined();
});

describe("removeExpired", () => {
  test("removes sessions whose latest token has expired, and expired tokens of living sessions", async () => {
    const [dead, alive] = [await startSession(), await startSession()];
    const last = token(new Date("2026-04-01T00:00:00Z"));
    await sessions.continue(alive.first.hash, last, later);
    await sessions.removeExpired(expired);
    expect([await dead.exists(), await alive.exists()]).toEqual([false, true]);
    const left = await database.orm.select().from(refreshToken).where(eq(refreshToken.sessionId, alive.id));
    expect(left.map(({ hash }) => hash)).toEqual([last.hash]);
  });
});
