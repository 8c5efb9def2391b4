import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deletePostgresData, type LocalServer, localNats, localPostgres } from "#mesh/local";
import { type ShopFolder, shopFolder } from "../e2e/started-shop.ts";
import { sendSignal, serverProcess, signalTree } from "./signals.ts";

/** A server that a test may hurt. It keeps its port and, unless its data is changed, its data. */
export interface Victim {
  readonly url: string;
  /** kill -9, then a new start. */
  killAndStart(): Promise<void>;
  /** Stops it with SIGSTOP, and lets it go on when `meanwhile` is over. */
  stall(meanwhile: () => Promise<void>): Promise<void>;
}

/** A nats-server that a test may hurt. */
export interface NatsVictim extends Victim {
  /**
   * Copies its data while it is shut down; the result puts the copy back, again while it is shut down. "messages"
   * leaves the consumers as they are: they are then ahead of their streams.
   */
  copyData(what: "everything" | "messages"): Promise<() => Promise<void>>;
}

/** Postgres and nats-server of a test's own, and folders for shops that run on them. */
export interface ChaosWorld extends AsyncDisposable {
  readonly postgres: Victim;
  readonly nats: NatsVictim;
  /** A folder for one replica of the shop, with free ports; all replicas share data and secret. */
  replica(variables?: Record<string, string>): Promise<ShopFolder>;
}

/**
 * Variables that make shops on busy machines quick to recover: what a process had in hand when it was killed goes to
 * the next one after seconds.
 */
const impatient = { HEDDLE_ACK_WAIT: "3s", HEDDLE_POOL_SIZE: "6", PAYMENT_PROVIDER_SLOW_MS: "700ms" };

/** Starts the servers. Use with `await using`, or dispose of it in afterAll. */
export async function chaosWorld(): Promise<ChaosWorld> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-chaos-"));
  const natsFolder = join(folder, "nats");
  const postgresFolder = join(folder, "postgres");
  const postgres = localPostgres({ folder: postgresFolder });
  const nats = await localNats({ folder: natsFolder });
  await Promise.all([postgres.start(), nats.start()]);
  const replicas: ShopFolder[] = [];
  const started: number[] = [];
  return {
    postgres: victim(postgres, postgresFolder),
    nats: { ...victim(nats, natsFolder), url: nats.url, copyData: (what) => copyData(nats, natsFolder, what) },
    async replica(variables = {}) {
      const replica = await shopFolder({
        ...impatient,
        POSTGRES_URL: postgres.url,
        NATS_URL: nats.url,
        HEDDLE_TLS: "off",
        HEDDLE_MESH_SECRET: "a secret that all replicas of this test share",
        ...variables,
      });
      replicas.push(replica);
      return {
        ...replica,
        async start(args) {
          const shop = await replica.start(args);
          started.push(shop.processId);
          return shop;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      // A test that failed may have left one standing still, which would never stop.
      for (const id of started) sendSignal(id, "SIGCONT");
      await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
      await Promise.all([postgres.stop(), nats.stop()]);
      // Where root runs the tests the data lies elsewhere.
      await deletePostgresData(postgresFolder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function victim(server: LocalServer, folder: string): Victim {
  return {
    url: server.url,
    async killAndStart() {
      sendSignal(serverProcess(folder), "SIGKILL");
      await whileDown(server, async () => {});
    },
    async stall(meanwhile) {
      const id = serverProcess(folder);
      await signalTree(id, "SIGSTOP");
      try {
        await meanwhile();
      } finally {
        await signalTree(id, "SIGCONT");
      }
    },
  };
}

async function copyData(server: LocalServer, folder: string, what: "everything" | "messages") {
  const data = join(folder, "jetstream");
  const streams = join(data, "jetstream", "$G", "streams");
  const copy = `${folder}-copy`;
  const parts = async () =>
    what === "everything" ? [data] : (await readdir(streams)).map((stream) => join(streams, stream, "msgs"));
  const copied = new Map<string, string>();
  await whileDown(server, async () => {
    await rm(copy, { recursive: true, force: true });
    for (const part of await parts()) copied.set(part, join(copy, String(copied.size)));
    for (const [part, place] of copied) await cp(part, place, { recursive: true });
  });
  return () =>
    whileDown(server, async () => {
      for (const [part, place] of copied) {
        await rm(part, { recursive: true });
        await cp(place, part, { recursive: true });
      }
    });
}

async function whileDown(server: LocalServer, work: () => Promise<void>): Promise<void> {
  await server.stop();
  await work();
  await server.start();
}
