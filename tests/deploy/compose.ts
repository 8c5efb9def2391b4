import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A service of compose.yaml, as far as the tests look. */
export interface ComposeService {
  image: string;
  build?: { context: string; dockerfile: string };
  command: string[];
  environment?: Record<string, string>;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
  user?: string;
  init?: boolean;
  read_only?: boolean;
  tmpfs?: string[];
  volumes?: string[];
}

/** compose.yaml with its merge keys resolved. */
export function readCompose(): { services: Record<string, ComposeService>; volumes: Record<string, unknown> } {
  return parse(readFileSync("compose.yaml", "utf8"), { merge: true });
}

/** The services that are made of this repository. */
export function ownServices(): [name: string, service: ComposeService][] {
  return Object.entries(readCompose().services).filter(([, { build }]) => build);
}

/** Replaces ${NAME:?message} and ${NAME:-default} as compose does. Throws for a required variable that is not set. */
export function interpolate(text: string, variables: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(?::([?-])([^}]*))?\}/g, (_match, name: string, kind: string, rest: string) => {
    const value = variables[name] || (kind === "-" ? rest : undefined);
    if (value === undefined) throw new Error(`${name}: ${rest}`);
    return value;
  });
}

/** The port that a service's own healthcheck asks. */
export function portOf({ healthcheck }: ComposeService): string {
  return new URL(healthcheck?.test.at(-1) ?? "").port;
}
