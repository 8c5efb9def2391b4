import { once } from "node:events";
import type { Message, Registry } from "@bufbuild/protobuf";
import { statusJson, toConnectError } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Print } from "./print-answer.ts";

/**
 * Answers with a stream of messages as NDJSON, one JSON value a line. The headers wait for the first message, so that
 * an early failure still has its own status: it is thrown. A late one becomes a last line `{"error": Status}`, and the
 * answer is then broken off: no client can take it for complete.
 */
export async function answerStream(
  exchange: Exchange,
  messages: AsyncIterable<Message>,
  how: { readonly print: Print; readonly registry: Registry },
): Promise<void> {
  const { response } = exchange;
  const iterator = messages[Symbol.asyncIterator]();
  let next = await iterator.next();
  response.writeHead(200, {
    "Content-Type": "application/x-ndjson",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
  });
  try {
    response.flushHeaders();
    for (; !next.done; next = await iterator.next()) await writeLine(exchange, how.print(next.value));
    response.end();
  } catch (thrown) {
    const error = toConnectError(thrown, exchange);
    const line = JSON.stringify({ error: statusJson(error, how.registry) });
    // Destroyed only when the line is out, and never ended: the missing last chunk shows the abort.
    response.write(`${line}\n`, () => response.destroy());
  } finally {
    await iterator.return?.();
  }
}

async function writeLine({ response, signal }: Exchange, json: string): Promise<void> {
  if (!response.write(`${json}\n`)) await once(response, "drain", { signal });
}
