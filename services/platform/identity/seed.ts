import { uuidv7 } from "uuidv7";
import type { Passwords } from "./password.ts";
import type { IdentitySettings } from "./settings.ts";
import { adminRole, createUser, customerRole } from "./user.ts";
import type { UserRepository } from "./user-repository.ts";

/**
 * Creates the configured first users. Who is there already stays as they are, password included, so that replicas
 * may run it at once and a restart changes nothing.
 */
export async function seedUsers(
  settings: IdentitySettings,
  users: UserRepository,
  passwords: Passwords,
): Promise<void> {
  const seeds = [
    {
      email: "admin@heddle.local",
      displayName: "Admin",
      roles: [adminRole, customerRole],
      password: settings.adminPassword,
    },
    {
      email: "ada@heddle.local",
      displayName: "Ada",
      roles: [customerRole],
      password: settings.demoData ? "heddle-demo" : undefined,
    },
  ];
  for (const { password, ...details } of seeds) {
    // Looked up first only to spare the hash; the insert itself decides between replicas.
    if (password !== undefined && (await users.findByEmail(details.email)) === undefined) {
      await users.create(createUser(uuidv7(), details, new Date()), await passwords.hash(password));
    }
  }
}
