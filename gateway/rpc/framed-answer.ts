import type { OutgoingHttpHeaders } from "node:http";
import { createRegistry, type Registry } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { beginAnswer, headersWith } from "../http/answer-head.ts";
import { chooseNamedEncoding, type Encoding, encodingNames, minCompressedBytes } from "../http/compression.ts";
import { toConnectError } from "../http/error-status.ts";
import { type Exchange, headerOf } from "../http/exchange.ts";
import type { Dialect } from "./content-type.ts";
import { frameCompressed, frameMessage } from "./message-frames.ts";
import { connectErrorJson, grpcTrailers, headersOfError } from "./rpc-error.ts";

/** Flags of the frames that end an answer of gRPC-Web and of Connect. */
const trailersFlag = 0x80;
const endStreamFlag = 0x02;

/** Headers in which each protocol names its encodings. */
const grpcNames = { encoding: "grpc-encoding", accept: "grpc-accept-encoding" };
const connectNames = { encoding: "connect-content-encoding", accept: "connect-accept-encoding" };

/** The names that a dialect has for encodings. */
export function encodingHeaders({ protocol }: Dialect): typeof grpcNames {
  return protocol === "connect" ? connectNames : grpcNames;
}

const noTypes = createRegistry();

/**
 * An answer whose messages come in frames: gRPC's, gRPC-Web's, or a stream of Connect's. Its status is always 200: how the
 * call has ended is said at the end.
 */
export class FramedAnswer {
  readonly #exchange: Exchange;
  readonly #dialect: Dialect;
  readonly #registry: Registry;
  readonly #encoding: Encoding | undefined;
  #begun = false;
  #ended = false;

  constructor(exchange: Exchange, dialect: Dialect, registry: Registry = noTypes) {
    this.#exchange = exchange;
    this.#dialect = dialect;
    this.#registry = registry;
    this.#encoding = chooseNamedEncoding(headerOf(exchange.request, encodingHeaders(dialect).accept));
  }

  /** Sends the headers, with the service's metadata: at once, or with the message that follows at once. */
  begin(metadata: OutgoingHttpHeaders, how: "at once" | "with the message" = "at once"): void {
    if (this.#begun || this.#ended) return;
    this.#begun = true;
    const { encoding, accept } = encodingHeaders(this.#dialect);
    const headers = { ...metadata, "content-type": this.#dialect.contentType, [accept]: encodingNames.join(",") };
    if (this.#encoding) headers[encoding] = this.#encoding.name;
    const response = beginAnswer(this.#exchange, 200, headers);
    if (how === "at once" && this.#exchange.request.httpVersionMajor === 1) response.flushHeaders();
  }

  /** Sends a message. Answers with a promise where the client has to take what was sent before the next. */
  write(message: Uint8Array | string): Promise<void> | undefined {
    this.begin({}, "with the message");
    const length = typeof message === "string" ? Buffer.byteLength(message) : message.length;
    if (this.#encoding && length >= minCompressedBytes) return this.#writeCompressed(message, this.#encoding);
    return this.#send(frameMessage(message)) ? undefined : this.#drained();
  }

  /** Ends the answer: well, or with the error that was thrown. Headers are what the service sent, if it did. */
  end(thrown: unknown, trailers: OutgoingHttpHeaders): void {
    if (this.#ended) return;
    const error = thrown === undefined ? undefined : toConnectError(thrown, this.#exchange);
    const beforehand = error && !this.#begun ? headersOfError(error, this.#exchange) : undefined;
    if (this.#dialect.protocol === "grpc") this.#endGrpc(error, { ...beforehand, ...trailers });
    else this.#endInBody(error, trailers, beforehand);
    this.#ended = true;
  }

  #endGrpc(error: ConnectError | undefined, metadata: OutgoingHttpHeaders): void {
    const { response } = this.#exchange;
    const trailers = { ...metadata, ...grpcTrailers(error) };
    if (this.#begun) {
      response.addTrailers(trailers);
      response.end();
      return;
    }
    // "Trailers-Only": a single block of headers that ends the stream, which only end() without writeHead() sends.
    const head = headersWith(this.#exchange, { "content-type": this.#dialect.contentType, ...trailers });
    for (const [name, value] of Object.entries(head)) {
      if (value !== undefined) response.setHeader(name, value);
    }
    response.end();
  }

  #endInBody(
    error: ConnectError | undefined,
    trailers: OutgoingHttpHeaders,
    beforehand: OutgoingHttpHeaders = {},
  ): void {
    this.begin(beforehand, "with the message");
    this.#send(this.#dialect.protocol === "connect" ? this.#endStream(error, trailers) : webTrailers(error, trailers));
    this.#exchange.response.end();
  }

  #endStream(error: ConnectError | undefined, trailers: OutgoingHttpHeaders): Buffer {
    const metadata = Object.fromEntries(Object.entries(trailers).map(([name, value]) => [name, [value ?? ""].flat()]));
    const end = { ...(error && { error: connectErrorJson(error, this.#registry) }), metadata };
    return frameMessage(JSON.stringify(end), endStreamFlag);
  }

  async #writeCompressed(message: Uint8Array | string, encoding: Encoding): Promise<void> {
    const frame = await frameCompressed(typeof message === "string" ? Buffer.from(message) : message, encoding);
    if (!this.#send(frame)) await this.#drained();
  }

  #send(frame: Buffer): boolean {
    if (this.#ended) return true;
    return this.#exchange.response.write(this.#dialect.text ? frame.toString("base64") : frame);
  }

  #drained(): Promise<void> {
    const { response } = this.#exchange;
    return new Promise((resolve) => {
      const done = () => {
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
  }
}

/** Trailers as gRPC-Web puts them into the body: lines of HTTP/1.1 (PROTOCOL-WEB.md). */
function webTrailers(error: ConnectError | undefined, trailers: OutgoingHttpHeaders): Buffer {
  let text = "";
  for (const [name, value] of Object.entries({ ...trailers, ...grpcTrailers(error) })) {
    for (const each of [value ?? ""].flat()) text += `${name}: ${each}\r\n`;
  }
  return frameMessage(text, trailersFlag);
}
