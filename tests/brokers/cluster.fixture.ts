import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type JetStreamManager } from "nats";
import { eventually, freePort } from "#mesh/testing";

/** Three nats-servers that keep streams together, each a process of its own on free ports of this machine. */
export interface TestCluster extends AsyncDisposable {
  /** Addresses of all three, with commas. */
  readonly url: string;
  readonly nodes: readonly ClusterNode[];
  /** The node that leads a stream, as the cluster says at this moment. */
  leaderOf(stream: string): Promise<ClusterNode>;
  /** Waits until a stream has a leader and every copy is up to date. */
  settled(stream: string): Promise<void>;
  /** Asks the cluster over a connection of its own. */
  ask<T>(question: (manager: JetStreamManager) => Promise<T>): Promise<T>;
}

/** One server of a cluster. */
export interface ClusterNode {
  readonly name: string;
  /** Sends a signal; after SIGKILL and SIGTERM waits until it is gone. */
  signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Runs it again, with the data that it has. */
  start(): Promise<void>;
}

interface NodePlace {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly routePort: number;
}

const size = 3;
const patience = { timeoutMs: 120_000, intervalMs: 100 };

/**
 * Starts a cluster of the nats-server on PATH, which has to be 2.11 or newer: older ones may drop streams when several
 * nodes restart. Use with `await using`.
 */
export async function testCluster(): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-cluster-"));
  const places: NodePlace[] = [];
  for (let n = 1; n <= size; n++) {
    const name = `node-${n}`;
    places.push({ name, folder: join(folder, name), port: await freePort(), routePort: await freePort() });
  }
  const nodes = places.map((place) => clusterNode(place, places));
  const url = places.map(({ port }) => `nats://127.0.0.1:${port}`).join(",");

  async function ask<T>(question: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const connection = await connect({ servers: url.split(","), timeout: 5_000 });
    try {
      return await question(await connection.jetstreamManager({ timeout: 5_000 }));
    } finally {
      await connection.close();
    }
  }

  const cluster: TestCluster = {
    ...{ url, nodes, ask },
    leaderOf: (stream) =>
      eventually(async () => {
        const { cluster: state } = await ask((manager) => manager.streams.info(stream));
        const leader = nodes.find(({ name }) => name === state?.leader);
        if (!leader) throw new Error(`${stream} has no leader`);
        return leader;
      }, patience),
    settled: (stream) =>
      eventually(async () => {
        const { cluster: state } = await ask((manager) => manager.streams.info(stream));
        const current = (state?.replicas ?? []).filter((replica) => replica.current && !replica.offline);
        if (!state?.leader || current.length < size - 1) throw new Error(`${stream} is catching up`);
      }, patience),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node.signal("SIGKILL")));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await Promise.all(nodes.map((node) => node.start()));
  // The nodes choose a leader among them before they keep anything.
  await eventually(() => ask((manager) => manager.getAccountInfo()), patience);
  return cluster;
}

function clusterNode(place: NodePlace, all: readonly NodePlace[]): ClusterNode {
  const { name, folder } = place;
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "nats.conf");
  writeFileSync(config, configuration(place, all));
  let child: ChildProcess | undefined;
  const isGone = () => !child || child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    async signal(signal) {
      if (!child || isGone()) return;
      const exited = once(child, "exit");
      child.kill(signal);
      if (signal === "SIGKILL" || signal === "SIGTERM") await exited;
    },
    async start() {
      const log = openSync(join(folder, "nats.log"), "a");
      child = spawn("nats-server", ["-c", config], { stdio: ["ignore", log, log] });
      await once(child, "spawn");
    },
  };
}

function configuration({ name, folder, port, routePort }: NodePlace, all: readonly NodePlace[]): string {
  const routes = all.map((other) => `nats://127.0.0.1:${other.routePort}`);
  return `listen: "127.0.0.1:${port}"
server_name: "${name}"
jetstream { store_dir: ${JSON.stringify(join(folder, "store"))}, max_file_store: 4GB }
cluster { name: "heddle", listen: "127.0.0.1:${routePort}", routes: ${JSON.stringify(routes)} }
`;
}
