import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A Postgres that counts what passes. */
export interface CountingProxy extends Disposable {
  readonly url: string;
  /** Round trips since the start by name of the database: times that a client has sent after an answer. */
  readonly roundTrips: ReadonlyMap<string, number>;
}

/** Starts a server that passes everything on to the Postgres at `postgresUrl`. */
export async function startCountingProxy(postgresUrl: string): Promise<CountingProxy> {
  const target = new URL(postgresUrl);
  const roundTrips = new Map<string, number>();
  const sockets = new Set<Socket>();

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let database: string | undefined;
    let answered = true;
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay());
      // What one side has broken off ends on the other too.
      socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    }
    client.on("data", (data) => {
      database ??= databaseOf(data);
      if (answered) roundTrips.set(database, (roundTrips.get(database) ?? 0) + 1);
      answered = false;
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      answered = true;
      client.write(data);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });

  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = new URL(postgresUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    roundTrips,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A connection begins with its length, the protocol's version, and names and values that end in NUL. */
function databaseOf(startup: Buffer): string {
  const words = startup.subarray(8).toString().split("\0");
  return words[words.indexOf("database") + 1] ?? "";
}
