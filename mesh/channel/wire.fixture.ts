import { connect as connectTcp, createServer, type Socket } from "node:net";

/** A way to a server that can be cut, and blocked. It ends with the test's scope. */
export async function wire(port: number) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connectTcp(port, "127.0.0.1");
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => {}).on("close", () => sockets.delete(each));
    }
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    address: `127.0.0.1:${address.port}`,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    /** Bytes are sent, and nothing comes through: a process that hangs, or a network that drops them. */
    block: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
