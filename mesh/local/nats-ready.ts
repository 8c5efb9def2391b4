import { connect } from "node:net";

/** Whether a NATS server with JetStream greets on a port of 127.0.0.1: its first line is INFO and a JSON object. */
export async function greets(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host: "127.0.0.1", timeout: 1_000 });
  let greeting = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    greeting += text;
    if (greeting.includes("\r\n")) resolve(/^INFO .*"jetstream":\s*true/.test(greeting));
  });
  for (const event of ["error", "timeout", "close"]) socket.on(event, () => resolve(false));
  const ready = await promise;
  socket.destroy();
  return ready;
}
