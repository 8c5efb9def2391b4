import { databaseUrl } from "./connect.ts";
import { ensureDatabase } from "./ensure-database.ts";
import { type Lane, openLane } from "./lane.ts";

/** A service's own role, which owns the service's database and reaches no other. */
export interface ServiceRole {
  /** Name of the role and of its database. */
  readonly name: string;
  readonly password: string;
}

/** What new databases are copied from: like every database it lets everyone in. */
const TEMPLATE = "template1";
/** How long a server that is away or starting is waited for, in milliseconds. */
const waitMs = 5_000;

/**
 * Makes a service's database and the role that owns it, or brings them to that state: of a database that somebody else
 * has filled, the role takes everything over. `adminUrl` names a role that may create roles and databases. Returns the
 * URL with which the service connects. Throws StartError when the server cannot be reached.
 */
export async function ensureServiceRole(adminUrl: string, { name, password }: ServiceRole): Promise<string> {
  await ensureDatabase(adminUrl, name, waitMs);
  await using(adminUrl, async (lane) => {
    for (const statement of roleStatements(name, literal(password))) await lane.query(statement);
  });
  await using(databaseUrl(adminUrl, name), async (lane) => void (await lane.query(takeOver(name))));
  const url = new URL(databaseUrl(adminUrl, name));
  url.username = encodeURIComponent(name);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** Takes from everyone the right to connect to what is no service's: the database of the URL, and the template. */
export async function closeAdminDatabases(adminUrl: string): Promise<void> {
  await using(adminUrl, async (lane) => {
    const [row] = await lane.query<{ name: string }>("select current_database() as name");
    for (const name of [row?.name ?? "", TEMPLATE]) await lane.query(revoke(name));
  });
}

/**
 * What an administrator runs with psql before services of these names start: `passwordOf` returns how a role's password
 * is written there.
 */
export function serviceRoleScript(names: readonly string[], passwordOf: (name: string) => string): string {
  const statements = names.flatMap((name) => [
    `create role ${identifier(name)} login password ${passwordOf(name)};`,
    `create database ${identifier(name)} owner ${identifier(name)} template template0;`,
    `${revoke(name)};`,
  ]);
  const others = ["postgres", TEMPLATE].map((name) => `${revoke(name)};`);
  return ["-- Services reach their own databases, and not these.", ...others, ...statements].join("\n");
}

function roleStatements(name: string, password: string): string[] {
  const role = identifier(name);
  return [
    `do $do$ begin
      if not exists (select from pg_roles where rolname = ${literal(name)}) then create role ${role}; end if;
    end $do$`,
    `alter role ${role} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password ${password}`,
    `alter database ${role} owner to ${role}`,
    revoke(name),
  ];
}

/** Databases let everyone in unless told otherwise. Their owners keep their rights. */
function revoke(database: string): string {
  return `revoke all on database ${identifier(database)} from public`;
}

/** Makes a role the owner of what is in the database. What belongs to a table follows it; schema public has its owner. */
function takeOver(name: string): string {
  return `do $do$
    declare
      own oid := ${literal(name)}::regrole;
      found record;
    begin
      for found in
        select format('alter schema %I owner to %I', nspname, ${literal(name)}) as statement from pg_namespace
        where nspowner <> own and nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
      union all
        select format('alter table %s owner to %I', class.oid::regclass, ${literal(name)})
        from pg_class class join pg_namespace space on space.oid = relnamespace
        where relowner <> own and relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^pg_'
          and nspname <> 'information_schema'
      union all
        select format('alter sequence %s owner to %I', class.oid::regclass, ${literal(name)})
        from pg_class class join pg_namespace space on space.oid = relnamespace
        where relowner <> own and relkind = 'S' and nspname !~ '^pg_' and not exists
          (select from pg_depend where classid = 'pg_class'::regclass and objid = class.oid and deptype in ('a', 'i'))
      union all
        select format('alter type %s owner to %I', type.oid::regtype, ${literal(name)})
        from pg_type type join pg_namespace space on space.oid = typnamespace
        where typowner <> own and typtype in ('e', 'd') and nspname !~ '^pg_' and nspname <> 'information_schema'
      union all
        select format('alter routine %s owner to %I', routine.oid::regprocedure, ${literal(name)})
        from pg_proc routine join pg_namespace space on space.oid = pronamespace
        where proowner <> own and nspname !~ '^pg_' and nspname <> 'information_schema'
      loop
        execute found.statement;
      end loop;
    end $do$`;
}

async function using(url: string, work: (lane: Lane) => Promise<void>): Promise<void> {
  const lane = openLane(url, { application: "heddle roles", limits: false });
  try {
    await work(lane);
  } finally {
    await lane.close();
  }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
