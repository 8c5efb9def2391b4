import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readMeshSecret, readTrust } from "#mesh/config";
import { claimFolder, localNats, localPostgres } from "#mesh/local";
import { group, type Part, StartError } from "#mesh/process";
import { deleteLocalData } from "./fresh-data.ts";
import { natsLogin } from "./nats-login.ts";
import { ensureRoles } from "./postgres-roles.ts";
import { shop } from "./shop.ts";
import { localEnvironment, readStartSettings, type StartSettings } from "./start-environment.ts";
import { type Running, startScreen } from "./start-screen.ts";

/** How to start everything on one machine. */
export interface TopologyOptions {
  env: NodeJS.ProcessEnv;
  /** Delete all data first. */
  fresh: boolean;
  /** Takes a line of progress, or the final screen. */
  say: (text: string) => void;
}

/**
 * The data folder, Postgres (or POSTGRES_URL), NATS (or NATS_URL), every service of the shop and the gateway, as one
 * part that says how far it is. Throws a ConfigurationError when the environment is wrong.
 */
export function localTopology({ env, fresh, say }: TopologyOptions): Part {
  const environment = localEnvironment(env);
  const settings = readStartSettings(environment);
  const { dataFolder, postgresPort, natsPort } = settings;
  const running: Running = {
    gatewayUrl: "",
    services: [],
    dataFolder,
    postgresUrl: settings.postgresUrl ?? "",
    natsUrl: settings.natsUrl ?? "",
    authority: undefined,
    knownPassword: environment.HEDDLE_ADMIN_PASSWORD === "heddle-admin",
  };

  const postgres = made("Postgres", {
    make: async () => localPostgres({ folder: join(dataFolder, "postgres"), port: postgresPort }),
    started({ url }) {
      environment.POSTGRES_URL = running.postgresUrl = url;
    },
  });
  const nats = made("NATS", {
    async make() {
      const folder = join(dataFolder, "nats");
      const { accounts, passwords } = await natsLogin(join(folder, "passwords.json"));
      Object.assign(environment, passwords);
      return localNats({ folder, port: natsPort, accounts, say: (line) => say(`  ${line} …`) });
    },
    started({ url }) {
      environment.NATS_URL = running.natsUrl = url;
    },
  });
  const everything = made("services and gateway", {
    async make() {
      if (!settings.postgresUrl) Object.assign(environment, await ensureRoles(environment));
      const given = environment.HEDDLE_MESH_SECRET || environment.HEDDLE_MESH_SECRET_FILE;
      if (!given) environment.HEDDLE_MESH_SECRET = readMeshSecret(dataFolder);
      running.authority = readTrust(environment)?.authorities;
      return shop(environment);
    },
    started({ url, services }) {
      running.gatewayUrl = url;
      running.services = services;
    },
  });
  const steps = [...(settings.postgresUrl ? [] : [postgres]), ...(settings.natsUrl ? [] : [nats]), everything];
  return group("the shop", [
    ownFolder(dataFolder, say),
    ...(fresh ? [emptied(settings, say)] : []),
    ...steps.map((part) => told(part, say)),
    once("screen", async () => say(startScreen(running))),
  ]);
}

/** A part that is made when it starts: what it needs is known only then. */
function made<P extends Part>(name: string, { make, started }: { make(): Promise<P>; started(part: P): void }): Part {
  let part: P | undefined;
  return {
    name,
    async start() {
      part = await make();
      await part.start();
      started(part);
    },
    async stop() {
      await part?.stop();
    },
  };
}

/** A part that only does something at the start. */
function once(name: string, start: () => Promise<void>): Part {
  return { name, start, async stop() {} };
}

function emptied(settings: StartSettings, say: (text: string) => void): Part {
  return once("fresh data", async () => {
    await deleteLocalData(settings);
    say("✓ data deleted");
  });
}

/** Says when a part has started and stopped, and how long that took. */
function told(part: Part, say: (text: string) => void): Part {
  let started = false;
  return {
    name: part.name,
    async start() {
      const begin = performance.now();
      await part.start();
      started = true;
      say(`✓ ${part.name} (${since(begin)})`);
    },
    async stop() {
      const begin = performance.now();
      if (started) say(`  ${part.name}: stopping …`);
      const stopped = await within(stopTimeoutMs, part.stop());
      if (!stopped) say(`✗ ${part.name} does not stop: going on without it`);
      else if (started) say(`✓ ${part.name} stopped (${since(begin)})`);
      started = false;
    },
  };
}

function since(begin: number): string {
  return `${Math.round(performance.now() - begin)} ms`;
}

// What hangs must not keep the servers below it from stopping.
const stopTimeoutMs = 15_000;

/** Waits for work, but not for longer. Returns whether it was done in time. */
async function within(limitMs: number, work: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(late.resolve, limitMs, false);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const patienceMs = 3_000;

/** Makes the data folder ours. A predecessor that has been told to stop gets a moment to do so. */
function ownFolder(folder: string, say: (text: string) => void): Part {
  let release: (() => void) | undefined;
  return {
    name: "data folder",
    async start() {
      const until = performance.now() + patienceMs;
      for (let attempt = 1; !release; attempt++) {
        try {
          release = claimFolder(folder);
        } catch (error) {
          if (!(error instanceof StartError) || performance.now() > until) throw error;
          if (attempt === 1) say(`  ${folder} is in use: waiting a moment for the other start to stop …`);
          await sleep(100);
        }
      }
    },
    async stop() {
      release?.();
      release = undefined;
    },
  };
}
