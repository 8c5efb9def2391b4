import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Takes over the connection of a request; `head` is what has arrived of the other protocol. */
export type TakeOver = (request: IncomingMessage, connection: Duplex, head: Buffer) => Promise<void>;

/** A request to go on in another protocol, which is answered by HTTP until it is accepted. */
export interface Upgrade {
  /** Gives the connection away, and returns when the other protocol has ended. */
  accept(takeOver: TakeOver): Promise<void>;
}

/** Whether a request asks for a WebSocket. Wishes for anything else, such as h2c, are passed over (RFC 9110, section 7.8). */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** Makes the HTTP answer of a request whose connection Node has given up, and what else may become of it. */
export function beginUpgrade(
  request: IncomingMessage,
  connection: Duplex,
  head: Buffer,
): { readonly response: ServerResponse; readonly upgrade: Upgrade } {
  const response = new ServerResponse(request);
  // The types allow any stream here, for servers that were given one.
  const socket = connection instanceof Socket ? connection : new Socket();
  response.assignSocket(socket);
  response.shouldKeepAlive = false;
  response.on("finish", () => connection.end());
  connection.on("error", () => connection.destroy());
  const upgrade: Upgrade = {
    async accept(takeOver) {
      // Of a connection that is gone the response hears by itself.
      if (connection.destroyed) return;
      response.detachSocket(socket);
      try {
        await takeOver(request, connection, head);
      } finally {
        response.emit("close");
      }
    },
  };
  return { response, upgrade };
}
