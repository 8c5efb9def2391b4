import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createDiscovery, createRegistry, type Registry, registryBucket } from "#mesh/discovery";
import { maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part } from "#mesh/process";
import type { CallExplanation } from "#mesh/resilience";
import { createTargetTransport } from "#mesh/rpc";
import {
  channelUnderTest,
  freePort,
  type RunningProcess,
  silentLogger,
  startProcess,
  type TestNats,
  testNats,
} from "#mesh/testing";
import { EchoService } from "../../mesh/rpc/echo-contract.fixture.ts";

const main = fileURLToPath(new URL("echo-main.fixture.ts", import.meta.url));
const times = { heartbeatMs: 250, lifeMs: 4_000 };

/** One replica: its process ends and comes back under the same name and address. */
export interface Replica {
  readonly name: string;
  readonly address: string;
  start(): Promise<void>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** SIGSTOP: it hangs, and its connections stay open. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** The echo service in several processes, and a caller that finds them through the registry. */
export interface EchoReplicas extends AsyncDisposable {
  readonly nats: TestNats;
  readonly registry: Registry;
  readonly replicas: readonly Replica[];
  readonly client: ReturnType<typeof createClient<typeof EchoService>>;
  /** What became of each call, and why. */
  readonly explained: readonly CallExplanation[];
}

/** How long each answer of a replica takes, by name, in milliseconds. */
export type Delays = Readonly<Record<string, number>>;

/** Starts a broker, one replica for each name, and a caller. Use with `await using`. */
export async function startReplicas(delays: Delays): Promise<EchoReplicas> {
  const log = silentLogger();
  const nats = await testNats();
  const connection = maintainConnection({ url: nats.url, name: "caller", log });
  const registry = createRegistry(openBucket(connection, registryBucket(1), log), log, times);
  const connected: Part = { name: "broker", start: () => connection.start(), stop: () => connection.stop() };
  const caller = group("caller", [connected, registry]);
  await caller.start();
  const explained: CallExplanation[] = [];
  const transport = createTargetTransport({
    service: EchoService,
    address: "mesh:///test.echo",
    discovery: createDiscovery({ registry }),
    place: { zone: "", seed: "test" },
    channel: channelUnderTest(),
    onExplained: (explanation) => explained.push(explanation),
  });
  const replicas = await Promise.all(
    Object.entries(delays).map(([name, delayMs]) => createReplica({ name, delayMs, natsUrl: nats.url, registry })),
  );
  const stopAll = async () => {
    transport.close();
    await Promise.all(replicas.map((replica) => replica.stop("SIGKILL")));
    await caller.stop();
    await nats[Symbol.asyncDispose]();
  };
  try {
    await Promise.all(replicas.map((replica) => replica.start()));
  } catch (error) {
    await stopAll();
    throw error;
  }
  const client = createClient(EchoService, transport);
  return { nats, registry, replicas, client, explained, [Symbol.asyncDispose]: stopAll };
}

interface ReplicaOptions {
  readonly name: string;
  readonly delayMs: number;
  readonly natsUrl: string;
  readonly registry: Registry;
}

async function createReplica({ name, delayMs, natsUrl, registry }: ReplicaOptions): Promise<Replica> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const env = {
    ...process.env,
    ...{ NATS_URL: natsUrl, ECHO_NAME: name, ECHO_PORT: String(port) },
    ...{ ECHO_DELAY_MS: String(delayMs), ECHO_HEARTBEAT_MS: String(times.heartbeatMs) },
  };
  const ids = () => registered(registry, address);
  let running: RunningProcess | undefined;
  const signal = (which: NodeJS.Signals) => {
    if (!running) throw new Error(`${name} does not run`);
    running.signal(which);
  };
  return {
    name,
    address,
    async start() {
      const before = new Set(ids());
      const ready = async () => {
        if (ids().every((id) => before.has(id))) throw new Error(`${name} has not registered`);
      };
      running = await startProcess({ args: [main], env, ready, timeoutMs: 120_000 });
    },
    async stop(which = "SIGTERM") {
      const stopped = running;
      running = undefined;
      return stopped ? stopped.stop(which) : null;
    },
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
  };
}

/** Ids under which an address stands in the registry. */
export function registered(registry: Registry, address: string): string[] {
  return registry.instances().flatMap(({ instance }) => (instance.address === address ? [instance.id] : []));
}
