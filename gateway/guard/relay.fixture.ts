import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a gateway and Postgres. */
export interface Relay extends AsyncDisposable {
  /** URL of Postgres by way of the relay. */
  readonly url: string;
  /** Passes connections on. */
  open(): Promise<void>;
  /** Cuts all connections and refuses further ones. */
  close(): Promise<void>;
}

/** Creates a relay to Postgres at a port of this machine. It is closed at first. */
export function createRelay(postgresUrl: string, port: number): Relay {
  const target = new URL(postgresUrl);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    join(socket, upstream);
    join(upstream, socket);
  });

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
    from.pipe(to);
  }

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  }

  const url = new URL(postgresUrl);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  return {
    url: url.href,
    async open() {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
