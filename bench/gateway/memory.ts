import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { calls } from "./calls.ts";
import { generateLoad } from "./load.ts";
import type { Processes } from "./processes.ts";

const wantedRequests = 1_000_000;
const slowClients = 10_000;
const slowForMs = 20_000;
/** An upper bound of the whole, in milliseconds. */
const longestMs = 400_000;

/**
 * Measures the resident memory of a gateway over a million requests, and with thousands of clients that send a byte of
 * their request now and then. Takes up to seven minutes.
 */
export async function measureMemory(processes: Processes, upstream: string): Promise<Record<string, object>> {
  const { said, child } = await processes.startWith("heddle.ts", [upstream]);
  const port = Number(said);
  return { ...(await overRequests(port, child)), ...(await withSlowClients(port, child)) };
}

async function overRequests(port: number, child: ChildProcess): Promise<Record<string, object>> {
  const endMs = performance.now() + longestMs;
  const figures: Record<string, object> = {};
  let requests = 0;
  let nextMark = 100_000;
  while (requests < wantedRequests && performance.now() < endMs) {
    const { requestsPerSecond } = await generateLoad(port, calls["POST /v1/sessions"], {
      connections: 64,
      durationMs: 2_000,
    });
    requests += Math.round(requestsPerSecond * 2);
    if (requests < nextMark) continue;
    figures[`after ${Math.floor(requests / 100_000) * 100_000} requests`] = await memoryOf(child);
    nextMark = (Math.floor(requests / 100_000) + 1) * 100_000;
  }
  return figures;
}

async function withSlowClients(port: number, child: ChildProcess): Promise<Record<string, object>> {
  const before = await memoryOf(child);
  const sockets: Socket[] = [];
  for (let opened = 0; opened < slowClients; opened += 500) {
    sockets.push(...(await Promise.all(Array.from({ length: 500 }, () => slowClient(port)))));
  }
  const timer = setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed) socket.write("x");
  }, 2_000);
  const { p50Ms, p99Ms } = await generateLoad(port, calls["POST /v1/sessions"], {
    connections: 4,
    durationMs: slowForMs,
  });
  const during = await memoryOf(child);
  clearInterval(timer);
  const lost = sockets.filter(({ destroyed, bytesRead }) => destroyed || bytesRead > 0).length;
  if (lost > 0) throw new Error(`${lost} slow clients were answered or cut off`);
  for (const socket of sockets) socket.destroy();
  const others = { othersP50Ms: p50Ms, othersP99Ms: p99Ms };
  return { "before slow clients": before, [`with ${slowClients} slow clients`]: { ...during, ...others } };
}

/** A client that has announced a body and sends it byte by byte. */
async function slowClient(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(
    "POST /v1/sessions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
  );
  return socket;
}

async function memoryOf(child: ChildProcess): Promise<{ residentMb: number; heapMb: number }> {
  child.send("memory");
  const [memory] = await once(child, "message");
  return memory as { residentMb: number; heapMb: number };
}
