import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { localPostgres } from "#mesh/local";
import { testNats } from "#mesh/testing";
import { interpolate, readCompose } from "./compose.ts";

/** The servers of compose.yaml outside of containers, told what they are told there. */
export interface ComposeServers extends AsyncDisposable {
  /** Replaces the places that services know them by. */
  move(text: string): string;
}

/** Starts them on free ports: Postgres with its roles, the broker with its accounts. `variables` are those of .env. */
export async function composeServers(variables: Record<string, string>): Promise<ComposeServers> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "heddle-compose-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const database = localPostgres({ folder, durable: false });
  stack.defer(() => database.stop());
  await database.start();
  await makeRoles(database.url, environmentOf("postgres", variables));
  const nats = stack.use(await testNats({ accounts: accountsOf(environmentOf("nats", variables)) }));
  const places = { "postgres:5432": new URL(database.url).host, "nats:4222": new URL(nats.url).host };
  const started = stack.move();
  return {
    move: (text) => Object.entries(places).reduce((moved, [from, to]) => moved.replace(from, to), text),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

function environmentOf(name: string, variables: Record<string, string>): Record<string, string> {
  const { environment = {} } = readCompose().services[name] ?? {};
  return Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, interpolate(value, variables)]));
}

/** What psql does with the file: \getenv sets a variable, which :'name' quotes. */
async function makeRoles(url: string, environment: Record<string, string>): Promise<void> {
  const script = readFileSync("deploy/postgres/roles.sql", "utf8");
  const variables = new Map([...script.matchAll(/^\\getenv (\w+) (\w+)$/gm)].map(([, name, from]) => [name, from]));
  const statements = script
    .replace(/^(?:\\|--).*$/gm, "")
    .replace(/:'(\w+)'/g, (_, name: string) => `'${environment[variables.get(name) ?? ""]}'`);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    for (const statement of statements.split(";\n")) if (statement.trim() !== "") await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

/** What nats-server does with the file: $NAME is a variable of its environment. */
function accountsOf(environment: Record<string, string>): string {
  const text = readFileSync("deploy/nats/accounts.conf", "utf8");
  return text.replace(/(?<=password: )\$(\w+)/g, (_, name: string) => JSON.stringify(environment[name]));
}
