import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";

/** A connection of HTTP/2. */
export interface Http2Client extends Disposable {
  readonly session: ClientHttp2Session;
  /** Sends a request without a body. */
  ask(headers: OutgoingHttpHeaders): Promise<{ headers: IncomingHttpHeaders & { ":status"?: number }; text: string }>;
}

/** Opens a connection; any certificate will do. */
export function openHttp2(url: string): Http2Client {
  const session = connect(url, { rejectUnauthorized: false });
  session.on("error", () => undefined);
  return {
    session,
    async ask(headers) {
      const stream = session.request(headers).setEncoding("utf8").end();
      const [received] = await once(stream, "response");
      let text = "";
      for await (const chunk of stream) text += chunk;
      return { headers: received, text };
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}
