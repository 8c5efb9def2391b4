import { issueCertificates } from "./certificates.ts";
import { type Figures, inTurns, ratio, round } from "./figures.ts";
import { type ClientProcess, type ServerProcess, startClient, startServer } from "./processes.ts";
import type { ClientKind, ServerKind, SharedSettings } from "./settings.ts";

/** Calls from one kind of client to one kind of server. */
interface Way {
  readonly client: ClientKind;
  /** Undefined: the client serves itself. */
  readonly server: ServerKind | undefined;
  /** Whether both sides show certificates and speak TLS. Default false. */
  readonly tls?: boolean;
}

const ways = {
  "bare grpc-js": { client: "bare", server: "bare" },
  mesh: { client: "target", server: "mesh" },
  "bare grpc-js, TLS": { client: "bare", server: "bare", tls: true },
  "mesh, mTLS": { client: "target", server: "mesh", tls: true },
  "mesh, same process": { client: "local", server: undefined },
} satisfies Record<string, Way>;

const peerWays = {
  "NestJS gRPC": { client: "nest", server: "nest" },
  "Moleculer over TCP": { client: "moleculer", server: "moleculer" },
} satisfies Record<string, Way>;

const IN_FLIGHT = 100;
const CALLS_PER_SECOND = 1_000;

/** Runs a measurement with the client of every way, and ends all processes. */
async function withWays<Result>(
  wanted: Readonly<Record<string, Way>>,
  shared: SharedSettings,
  measure: (
    running: ReadonlyMap<string, { client: ClientProcess; server: ServerProcess | undefined }>,
  ) => Promise<Result>,
): Promise<Result> {
  const running = new Map<string, { client: ClientProcess; server: ServerProcess | undefined }>();
  const certificates = await issueCertificates();
  try {
    for (const [name, way] of Object.entries(wanted)) {
      const settings = way.tls ? { ...shared, certificates } : shared;
      const server = way.server && (await startServer({ ...settings, kind: way.server, slowMs: 0 }));
      const client = await startClient({ ...settings, kind: way.client, address: server?.address ?? "" }).catch(
        (error) => {
          server?.kill();
          throw error;
        },
      );
      running.set(name, { client, server });
    }
    return await measure(running);
  } finally {
    for (const { client, server } of running.values()) {
      client.kill();
      server?.kill();
    }
  }
}

/**
 * Client and server together: the mesh with the full data plane and every interceptor, against what people write with
 * grpc-js alone; in one process; and the peers, when they are installed. Processor time is of both sides. Only answers
 * count; a server whose event loop is late refuses calls, so on a busy machine some may fail, which is shown.
 */
export async function measureEndToEnd(shared: SharedSettings): Promise<Record<string, object>> {
  const wanted = shared.peers ? { ...ways, ...peerWays } : ways;
  return withWays(wanted, shared, async (running) => {
    const throughput = await inTurns(
      Object.keys(wanted),
      async (name, durationMs): Promise<Record<keyof Figures | "failed %", number>> => {
        const { client, server } = found(running.get(name));
        const before = (await server?.cpuMicros()) ?? 0;
        const { calls, failed, durationMs: tookMs, cpuMicros } = await client.run({ inFlight: IN_FLIGHT, durationMs });
        if (failed > 0) throw new Error(`${failed} calls of ${name} failed`);
        const served = ((await server?.cpuMicros()) ?? 0) - before;
        const answered = calls - failed;
        return {
          callsPerSecond: answered / (tookMs / 1000),
          cpuMicrosPerCall: (cpuMicros + served) / answered,
          "failed %": (100 * failed) / calls,
        };
      },
    );
    const latency = await inTurns(["bare grpc-js", "mesh"], async (name, durationMs) => {
      const result = await found(running.get(name)).client.run({ callsPerSecond: CALLS_PER_SECOND, durationMs });
      if (result.failed > 0) throw new Error(`${result.failed} calls of ${name} failed`);
      return { "p50 ms": result.p50, "p99 ms": result.p99 };
    });
    const mesh = found(throughput.mesh);
    const secure = found(throughput["mesh, mTLS"]);
    const others = Object.entries(throughput).filter(([name]) => name !== "mesh" && !name.includes("TLS"));
    return {
      ...named("end to end: ", Object.entries(throughput)),
      ...named(
        "end to end: mesh against ",
        others.map(([name, figures]) => [name, ratio(mesh, figures)]),
      ),
      ...named(
        "end to end: mesh, mTLS, against ",
        (["bare grpc-js", "bare grpc-js, TLS"] as const).map((name) => [name, ratio(secure, found(throughput[name]))]),
      ),
      ...named("at 1,000 calls/s: ", Object.entries(latency)),
      "at 1,000 calls/s: added by the mesh": added(latency.mesh, latency["bare grpc-js"]),
    };
  });
}

function added(ours: Record<string, number>, theirs: Record<string, number>): Record<string, number> {
  const names = Object.keys(ours);
  return Object.fromEntries(names.map((name) => [name, round((ours[name] ?? 0) - (theirs[name] ?? 0), 3)]));
}

function named(prefix: string, entries: readonly (readonly [string, object])[]): Record<string, object> {
  return Object.fromEntries(entries.map(([name, figures]) => [prefix + name, figures]));
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a process of the benchmark is missing");
  return value;
}
