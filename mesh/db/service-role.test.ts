import { randomBytes } from "node:crypto";
import { join } from "node:path";
import postgres from "postgres";
import { expect, test } from "vitest";
import { silentLogger, testDatabases } from "#mesh/testing";
import { createDatabase, meshMigrations } from "./database.ts";
import { closeAdminDatabases, ensureServiceRole, serviceRoleScript } from "./service-role.ts";

const sagaMigrations = join(import.meta.dirname, "../saga/migrations");

/** Two services' roles on the shared server, which are dropped with their databases at the end. */
async function roles() {
  const databases = testDatabases();
  const [order, payment] = [`${databases.prefix}order`, `${databases.prefix}payment`];
  const password = () => randomBytes(12).toString("base64url");
  return {
    ...{ order, payment, databases, admin: databases.postgresUrl },
    ensure: (name: string) => ensureServiceRole(databases.postgresUrl, { name, password: password() }),
    async [Symbol.asyncDispose]() {
      await databases[Symbol.asyncDispose]();
      await query(databases.postgresUrl, `drop role if exists "${order}"`);
      await query(databases.postgresUrl, `drop role if exists "${payment}"`);
    },
  };
}

async function query(url: string, text: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

function at(url: string, database: string): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

function start(postgresUrl: string, name: string) {
  const migrations = [meshMigrations, sagaMigrations];
  const database = createDatabase({ postgresUrl, name, migrations, poolSize: 2, log: silentLogger() });
  return database.start().finally(() => database.stop());
}

const forbidden = { code: "42501" };

test("a service lives in its own database with its own role", async () => {
  await using test = await roles();
  const url = await test.ensure(test.order);
  await start(url, test.order);
  const [who] = await query(
    url,
    "select current_user as role, rolsuper, rolcreatedb from pg_roles where rolname = current_user",
  );
  expect(who).toEqual({ role: test.order, rolsuper: false, rolcreatedb: false });
  expect(await query(url, "select count(*)::int as rows from heddle.outbox")).toEqual([{ rows: 0 }]);
});

test("a service reaches no other database, and nobody's role", async () => {
  await using test = await roles();
  const [order, payment] = [await test.ensure(test.order), await test.ensure(test.payment)];
  await start(payment, test.payment);
  await expect(query(at(order, test.payment), "select 1")).rejects.toMatchObject(forbidden);
  const closed = await test.databases.create("closed");
  await closeAdminDatabases(closed.url);
  for (const name of [closed.name, "template1"]) {
    await expect(query(at(order, name), "select 1")).rejects.toMatchObject(forbidden);
  }
  await expect(query(order, `set role "${test.payment}"`)).rejects.toMatchObject(forbidden);
  await expect(query(order, "create database more")).rejects.toMatchObject(forbidden);
  await expect(query(order, "create role more")).rejects.toMatchObject(forbidden);
});

test("a role takes over what somebody else has made, and once more changes nothing", async () => {
  await using test = await roles();
  await start(test.admin, test.order);
  const more =
    "create type public.mood as enum ('good'); create table public.diary (id serial, mood public.mood); create sequence public.steps";
  await query(at(test.admin, test.order), more);
  await test.ensure(test.order);
  const url = await test.ensure(test.order);
  await start(url, test.order);
  await query(
    url,
    "insert into public.diary (mood) values ('good'); select nextval('public.steps'); alter table public.diary add note text",
  );
  await query(url, "alter type public.mood add value 'bad'; drop schema heddle cascade");
});

test("the script for an administrator does the same", async () => {
  await using test = await roles();
  const script = serviceRoleScript([test.order, test.payment], () => "'secret'");
  const statements = script.split("\n").filter((line) => line.includes(test.databases.prefix));
  for (const statement of statements) await query(test.admin, statement);
  const login = test.admin.replace(/\/\/[^@]*@/, `//${test.order}:secret@`);
  await start(at(login, test.order), test.order);
  await expect(query(at(login, test.payment), "select 1")).rejects.toMatchObject(forbidden);
});
