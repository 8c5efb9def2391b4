import { once } from "node:events";
import type { Message, Registry } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { StreamLimits } from "../config.ts";
import { statusJson, toConnectError } from "../http/error-status.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Print } from "./print-answer.ts";
import type { StreamFormat } from "./stream-format.ts";

/** How a stream is written. */
export interface StreamBodyOptions {
  readonly format: StreamFormat;
  readonly print: Print;
  /** The id of a message, where the contract names one. */
  readonly idOf: ((message: Message) => string | undefined) | undefined;
  readonly registry: Registry;
  readonly limits: StreamLimits;
}

/** How long a client has to take in why its stream broke, in milliseconds. */
const farewellMs = 10_000;

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

  /** Sends the headers, unless they are sent. From here on the status is 200, come what may. */
  begin(): void {
    const { response, signal } = this.#exchange;
    const { format, limits } = this.#options;
    if (this.#begun || signal.aborted) return;
    this.#begun = true;
    const headers = { "Content-Type": format.contentType, "Cache-Control": "no-store", "X-Accel-Buffering": "no" };
    response.writeHead(200, headers);
    response.flushHeaders();
    if (format.open !== "") response.write(format.open);
    if (format.heartbeat === "" || limits.heartbeatMs === 0) return;
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs);
    response.once("close", () => clearInterval(this.#heartbeat));
  }

  /** Writes a message, and waits while the client has not taken in enough. Throws when it has left, or as `signal` says. */
  async write(message: Message, signal: AbortSignal): Promise<void> {
    const { response } = this.#exchange;
    const { format, print, idOf } = this.#options;
    this.begin();
    const text = format.message(print(message), this.#first, idOf?.(message));
    this.#first = false;
    this.#heartbeat?.refresh();
    if (response.write(text)) return;
    this.#full = true;
    await once(response, "drain", { signal });
    this.#full = false;
  }

  /** Ends a stream that went well. One without any message tells a browser by 204 not to come again. */
  end(): void {
    const { response } = this.#exchange;
    const { format } = this.#options;
    if (!this.#begun && format.resumes) {
      response.writeHead(204, { "Cache-Control": "no-store" }).end();
      return;
    }
    this.begin();
    response.end(format.close);
  }

  /** Ends a stream that failed. Throws the failure when it still can have a status of its own. */
  fail(thrown: unknown): void {
    if (!this.#begun) throw thrown;
    const { response } = this.#exchange;
    const { format, registry } = this.#options;
    const error = toConnectError(thrown, this.#exchange);
    const json = JSON.stringify(statusJson(error, registry));
    // Broken off only when it is out, and never ended: the missing end shows the abort.
    response.write(format.error(json, this.#first, retryMsOf(error)), () => response.destroy());
    const farewell = setTimeout(() => response.destroy(), farewellMs);
    response.once("close", () => clearTimeout(farewell));
  }

  #beat(): void {
    // A client that has something to read needs no sign of life.
    if (!this.#full) this.#exchange.response.write(this.#options.format.heartbeat);
  }
}

function retryMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Math.max(0, Math.round(durationMs(delay)));
}
