import { once } from "node:events";
import { connect, type Socket } from "node:net";

/**
 * A connection of HTTP/1.1 that asks one thing after the other. It writes and reads bytes itself, since an HTTP client
 * would cost more than what is measured.
 */
export class KeptConnection implements Disposable {
  readonly #socket: Socket;
  #received = "";
  #asked: PromiseWithResolvers<void> | undefined;

  static async open(port: number): Promise<KeptConnection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new KeptConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => this.#read(chunk));
    socket.on("error", (error) => this.#asked?.reject(error));
    socket.on("close", () => this.#asked?.reject(new Error("the server closed the connection")));
  }

  /** Sends a request and waits for its answer. Throws at one other than 200. */
  ask(request: Buffer): Promise<void> {
    this.#asked = Promise.withResolvers();
    this.#socket.write(request);
    return this.#asked.promise;
  }

  [Symbol.dispose](): void {
    this.#asked = undefined;
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#received += chunk;
    const length = answerLength(this.#received);
    if (length === undefined || this.#received.length < length) return;
    if (this.#received.startsWith("HTTP/1.1 200")) this.#asked?.resolve();
    else this.#asked?.reject(new Error(`an answer that was not expected: ${this.#received}`));
    this.#received = this.#received.slice(length);
  }
}

/** Length of an answer with its head; undefined while it is not complete. */
function answerLength(text: string): number | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1];
  if (length !== undefined) return end + 4 + Number(length);
  const last = text.indexOf("\r\n0\r\n\r\n", end);
  return last < 0 ? undefined : last + 7;
}
