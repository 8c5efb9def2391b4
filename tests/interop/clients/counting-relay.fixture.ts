import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Passes connections on to a port of this machine and counts what they carry. */
export interface CountingRelay extends AsyncDisposable {
  /** host:port. */
  readonly address: string;
  /** Bytes to the port and back. */
  readonly bytes: { sent: number; received: number };
}

/** Starts a relay. */
export async function startCountingRelay(to: string): Promise<CountingRelay> {
  const target = Number(new URL(to).port);
  const bytes = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    client.on("data", (data) => {
      bytes.sent += data.length;
    });
    upstream.on("data", (data) => {
      bytes.received += data.length;
    });
    for (const [from, into] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      // Whoever is gone takes the other along.
      from.on("error", () => into.destroy()).on("close", () => sockets.delete(from));
      from.pipe(into);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
