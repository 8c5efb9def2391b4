import { Code, ConnectError } from "@connectrpc/connect";
import type { Encoding } from "../http/compression.ts";
import { findEncoding } from "../http/compression.ts";
import { type Exchange, headerOf } from "../http/exchange.ts";
import { readBytes } from "../http/read-body.ts";
import { Base64Text } from "./base64-text.ts";
import type { Dialect } from "./content-type.ts";
import { encodingHeaders } from "./framed-answer.ts";
import { MessageFrames, unknownEncoding } from "./message-frames.ts";
import type { RpcMethod } from "./rpc-method.ts";

/** The messages of a request with frames, encoded whatever form they came in. */
export class RequestMessages {
  readonly #frames: MessageFrames;
  readonly #text: Base64Text | undefined;
  readonly #toBytes: (message: Uint8Array) => Uint8Array;

  /** Throws Unimplemented for an encoding that is not known. */
  constructor(exchange: Exchange, rpc: RpcMethod, dialect: Dialect) {
    this.#frames = new MessageFrames(encodingOf(exchange, dialect), {
      maxBytes: rpc.maxMessageBytes,
      held: exchange.held,
    });
    this.#text = dialect.text ? new Base64Text() : undefined;
    this.#toBytes = dialect.json ? rpc.json.encode : (message) => message;
  }

  push(chunk: Buffer): void {
    this.#frames.push(this.#text ? this.#text.push(chunk) : chunk);
  }

  /** The next message, undefined while it is not complete. Throws a ConnectError for one that is not taken. */
  next(): Uint8Array | undefined {
    const message = this.#frames.next();
    return message && this.#toBytes(message);
  }

  /** To be called at the end. Throws InvalidArgument when a message was cut off. */
  checkEnd(): void {
    if (this.#frames.isEmpty && (this.#text?.isEmpty ?? true)) return;
    throw new ConnectError("the request ends within a message", Code.InvalidArgument);
  }
}

/** Reads the one message of a unary call with frames. Throws a ConnectError for none, several, or one that is not taken. */
export async function readOnlyMessage(exchange: Exchange, rpc: RpcMethod, dialect: Dialect): Promise<Uint8Array> {
  const messages = new RequestMessages(exchange, rpc, dialect);
  const framed = rpc.maxMessageBytes + 5;
  const body = await readBytes(exchange, dialect.text ? Math.ceil(framed / 3) * 4 : framed);
  messages.push(Buffer.from(body.buffer, body.byteOffset, body.length));
  const only = messages.next();
  if (only === undefined) {
    messages.checkEnd();
    throw new ConnectError("the request holds no message", Code.Unimplemented);
  }
  if (messages.next() !== undefined) throw new ConnectError("the request holds several messages", Code.Unimplemented);
  messages.checkEnd();
  // What it has been inflated to.
  if (only.length > body.length) exchange.held.add(only.length - body.length);
  return only;
}

function encodingOf({ request }: Exchange, dialect: Dialect): Encoding | null {
  const name = headerOf(request, encodingHeaders(dialect).encoding);
  const encoding = findEncoding(name);
  if (encoding === undefined) throw unknownEncoding(name ?? "");
  return encoding;
}
