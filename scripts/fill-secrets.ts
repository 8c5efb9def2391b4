import { randomBytes } from "node:crypto";

/** Fills every variable of an environment file that has no value with a new secret. */
export function fillSecrets(example: string): string {
  return example.replace(/^(\w+)=$/gm, (_, name: string) => `${name}=${newSecret()}`);
}

/** Letters and digits, a letter first: as part of a URL and in nats-server's configuration it stands for itself. */
function newSecret(): string {
  return `s${randomBytes(24).toString("hex")}`;
}
