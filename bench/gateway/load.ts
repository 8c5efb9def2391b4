import { KeptConnection } from "./kept-connection.ts";

/** What a stretch of load found. */
export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Median time of a request, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends one request after the other on each of `connections` for `durationMs`. Throws at an answer other than 200. */
export async function generateLoad(
  port: number,
  request: Buffer,
  how: { readonly connections: number; readonly durationMs: number },
): Promise<Load> {
  const startMs = performance.now();
  const endMs = startMs + how.durationMs;
  const times: number[] = [];
  const keepAsking = async () => {
    using connection = await KeptConnection.open(port);
    for (let sentMs = performance.now(); sentMs < endMs; sentMs = performance.now()) {
      await connection.ask(request);
      times.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: how.connections }, keepAsking));
  return loadOf(times, performance.now() - startMs);
}

/**
 * Begins `perSecond` requests a second, whatever becomes of those before; a request that has to wait for one of the
 * `connections` has been waited for all the same.
 */
export async function generatePacedLoad(
  port: number,
  request: Buffer,
  how: { readonly connections: number; readonly durationMs: number; readonly perSecond: number },
): Promise<Load> {
  const connections = await Promise.all(Array.from({ length: how.connections }, () => KeptConnection.open(port)));
  const free = [...connections];
  const due: number[] = [];
  const times: number[] = [];
  const startMs = performance.now();
  const all = Math.floor((how.durationMs / 1_000) * how.perSecond);
  const done = Promise.withResolvers<void>();
  const serve = async (connection: KeptConnection) => {
    for (let sinceMs = due.shift(); sinceMs !== undefined; sinceMs = due.shift()) {
      await connection.ask(request);
      times.push(performance.now() - sinceMs);
    }
    free.push(connection);
    if (times.length === all) done.resolve();
  };
  let begun = 0;
  const timer = setInterval(() => {
    const should = Math.min(all, Math.floor(((performance.now() - startMs) / 1_000) * how.perSecond));
    for (; begun < should; begun++) due.push(startMs + (begun * 1_000) / how.perSecond);
    if (begun === all) clearInterval(timer);
    while (due.length > 0) {
      const connection = free.pop();
      if (!connection) break;
      serve(connection).catch(done.reject);
    }
  }, 1);
  await done.promise;
  for (const connection of connections) connection[Symbol.dispose]();
  return loadOf(times, performance.now() - startMs);
}

function loadOf(times: readonly number[], durationMs: number): Load {
  const sorted = Float64Array.from(times).sort();
  return {
    requests: sorted.length,
    requestsPerSecond: sorted.length / (durationMs / 1_000),
    p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
  };
}
