import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type NatsUser, renderAccounts } from "#mesh/nats";
import { natsUsers } from "#mesh/service";
import { readContracts } from "./contracts.ts";

/** Who may do what at the broker that `npm start` brings along. */
export interface NatsLogin {
  /** The part of the server's configuration that says so. */
  readonly accounts: string;
  /** The services' passwords, as the variables that they read: SHOP_ORDER_NATS_PASSWORD. */
  readonly passwords: Readonly<Record<string, string>>;
}

/**
 * Makes a password for each service at the first start, and keeps them in a file that its owner only can read. The
 * caller has claimed the folder.
 */
export async function natsLogin(file: string): Promise<NatsLogin> {
  const users = natsUsers(await readContracts(), ["gateway"]);
  const known = readPasswords(file);
  const passwords = Object.fromEntries(
    users.map((user) => [variableOf(user), known[variableOf(user)] ?? newPassword()]),
  );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(passwords, undefined, 2)}\n`, { mode: 0o600 });
  return { passwords, accounts: renderAccounts(users, (user) => JSON.stringify(passwords[variableOf(user)])) };
}

/**
 * What a production server's configuration has to include; its passwords come from the server's environment, by default
 * from variables such as SHOP_ORDER_NATS_PASSWORD.
 */
export async function natsPermissions(suffix = "NATS_PASSWORD"): Promise<string> {
  return renderAccounts(natsUsers(await readContracts(), ["gateway"]), (user) => `$${variableOf(user, suffix)}`);
}

/** A service has one password, as whomever it connects. */
function variableOf({ name }: NatsUser, suffix = "NATS_PASSWORD"): string {
  const [service = ""] = name.split("@");
  return `${service.replaceAll(".", "_").toUpperCase()}_${suffix}`;
}

function newPassword(): string {
  return randomBytes(24).toString("base64url");
}

function readPasswords(file: string): Record<string, string | undefined> {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}
