import { pipeline } from "node:stream/promises";
import { ConnectError } from "@connectrpc/connect";
import type { Encoding } from "./compression.ts";
import { badField } from "./edge-error.ts";
import type { Exchange } from "./exchange.ts";
import { encodingOf, goneAway, sendContinue, tooLarge } from "./read-body.ts";

/**
 * The chunks of a body as they come, inflated where it is compressed; nothing is read before somebody asks. Whoever
 * stops reading leaves the connection alone: an answer may still go over it. Throws 415 for a coding that is not known,
 * 400 for a body that is not coded as it says, 413 for one that is larger than the exchange allows, which with a
 * Content-Length is before the first byte, and Canceled when the client goes away: then it has not said all.
 */
export function bodyChunks(exchange: Exchange): AsyncIterable<Buffer> {
  const { request, maxUploadBytes } = exchange;
  const encoding = encodingOf(request);
  if (Number(request.headers["content-length"] ?? 0) > maxUploadBytes) throw tooLarge(maxUploadBytes);
  const chunks = bounded(received(exchange), maxUploadBytes);
  return encoding ? bounded(inflated(chunks, encoding), maxUploadBytes) : chunks;
}

async function* bounded(chunks: AsyncIterable<Buffer>, limitBytes: number): AsyncGenerator<Buffer> {
  let left = limitBytes;
  for await (const chunk of chunks) {
    left -= chunk.length;
    if (left < 0) throw tooLarge(limitBytes);
    yield chunk;
  }
}

async function* received({ request, response }: Exchange): AsyncGenerator<Buffer> {
  sendContinue(request, response);
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk;
  } catch {
    // Whatever broke the connection: nobody is there to be told.
    throw goneAway();
  }
  if (request.aborted || !request.complete) throw goneAway();
}

async function* inflated(chunks: AsyncGenerator<Buffer>, encoding: Encoding): AsyncGenerator<Buffer> {
  const inflater = encoding.createInflater();
  let size = 0;
  const counted = async () => {
    const next = await chunks.next();
    if (!next.done) size += next.value.length;
    return next;
  };
  // What is wrong is heard from the inflater.
  pipeline({ [Symbol.asyncIterator]: () => ({ next: counted }) }, inflater).catch(() => undefined);
  try {
    yield* inflater;
    // The end of the data may come before that of the body.
    while (!(await counted()).done);
  } catch (fault) {
    if (fault instanceof ConnectError) throw fault;
    // No bytes are no coded bytes either, whatever they are called.
    if (size > 0) throw badField("body", "", `the body is no valid ${encoding.name}`);
  } finally {
    // Not waited for: it may be the client that is.
    chunks.return(undefined).catch(() => undefined);
  }
  if (size !== inflater.bytesWritten) throw badField("body", "", `something follows the ${encoding.name} in the body`);
}
