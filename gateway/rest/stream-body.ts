import { once } from "node:events";
import type { Registry } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { StreamLimits } from "../config.ts";
import { beginAnswer } from "../http/answer-head.ts";
import { breakOff } from "../http/break-off.ts";
import { statusJson, toConnectError } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";
import { anyBytes, type StreamWriter } from "./stream-writer.ts";

/** How a stream is written. */
export interface StreamBodyOptions {
  readonly writer: StreamWriter;
  readonly registry: Registry;
  readonly limits: StreamLimits;
}

/** How long a client has to take in why its stream broke, in milliseconds. */
const farewellMs = 10_000;
/** And how long to read it, once it is sent. */
const readingMs = 1_000;

/** The body of an answer that grows by a message at a time. */
export class StreamBody {
  readonly #exchange: Exchange;
  readonly #options: StreamBodyOptions;
  #begun = false;
  #first = true;
  /** The client has yet to take in what there is. */
  #full = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(exchange: Exchange, options: StreamBodyOptions) {
    this.#exchange = exchange;
    this.#options = options;
  }

  /**
   * Sends the headers, unless they are sent, or it takes the first message to know them. From here on the status is 200,
   * come what may.
   */
  begin(first?: Uint8Array): void {
    const { writer } = this.#options;
    const type = writer.contentType(first);
    if (type !== undefined) this.#begin(type);
  }

  #begin(type: string): void {
    const { response, signal } = this.#exchange;
    const { writer, limits } = this.#options;
    if (this.#begun || signal.aborted) return;
    this.#begun = true;
    beginAnswer(this.#exchange, 200, { "Content-Type": type, "Cache-Control": "no-store", "X-Accel-Buffering": "no" });
    response.flushHeaders();
    if (writer.open !== "") response.write(writer.open);
    if (writer.heartbeat === "" || limits.heartbeatMs === 0) return;
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs);
    response.once("close", () => clearInterval(this.#heartbeat));
  }

  /**
   * Writes an encoded message, and waits while the client has not taken in enough. Throws when it has left, or as `signal`
   * says, and for a message that cannot be read.
   */
  async write(message: Uint8Array, signal: AbortSignal): Promise<void> {
    const { response } = this.#exchange;
    const part = this.#options.writer.message(message, this.#first);
    this.begin(message);
    this.#first = false;
    this.#heartbeat?.refresh();
    if (part.length === 0 || response.write(part)) return;
    this.#full = true;
    await once(response, "drain", { signal });
    this.#full = false;
  }

  /** Ends a stream that went well. One without any message tells a browser by 204 not to come again. */
  end(): void {
    const { response } = this.#exchange;
    const { writer } = this.#options;
    if (!this.#begun && writer.resumes) {
      beginAnswer(this.#exchange, 204, { "Cache-Control": "no-store" }).end();
      return;
    }
    this.#begin(writer.contentType(undefined) ?? anyBytes);
    response.end(writer.close);
  }

  /** Ends a stream that failed. Throws the failure when it still can have a status of its own. */
  fail(thrown: unknown): void {
    if (!this.#begun) throw thrown;
    const { response } = this.#exchange;
    const { writer, registry } = this.#options;
    const error = toConnectError(thrown, this.#exchange);
    const last = writer.error(JSON.stringify(statusJson(error, registry)), this.#first, retryMsOf(error));
    let timer: NodeJS.Timeout | undefined;
    const breakOffIn = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => breakOff(response), ms);
    };
    response.once("close", () => clearTimeout(timer));
    // Never ended: the missing end shows the abort. It waits a little once all is out, since a browser that sees it throws
    // away what its page has not read yet.
    breakOffIn(last === "" ? 0 : farewellMs);
    if (last !== "") response.write(last, (lost) => !lost && breakOffIn(readingMs));
  }

  #beat(): void {
    // A client that has something to read needs no sign of life.
    if (!this.#full) this.#exchange.response.write(this.#options.writer.heartbeat);
  }
}

function retryMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Math.max(0, Math.round(durationMs(delay)));
}
