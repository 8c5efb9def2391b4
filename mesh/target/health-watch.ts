import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code } from "#gen/google/rpc/code_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "#gen/grpc/health/v1/health_pb.ts";
import type { Call, CallStatus, Channel } from "#mesh/channel";

const PATH = `/${Health.typeName}/${Health.method.watch.name}`;
/** Asks for the server as a whole: the one name that every server's health service knows. */
const REQUEST = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema));
/** Codes of a server that has no health to tell, or not to us. */
const TELLS_NOTHING: ReadonlySet<number> = new Set([
  Code.UNIMPLEMENTED,
  Code.NOT_FOUND,
  Code.PERMISSION_DENIED,
  Code.UNAUTHENTICATED,
]);
/** Pauses before asking again, in milliseconds, doubling: as short as those of connections, since neighbours restart. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** Asks one endpoint for its health, again and again, until it is closed. */
export class HealthWatch {
  /** Whether the server has said that it is not well, or has gone. */
  unhealthy = false;
  readonly #channel: Channel;
  readonly #onChange: () => void;
  #call: Call;
  #heard = false;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(channel: Channel, onChange: () => void) {
    this.#channel = channel;
    this.#onChange = onChange;
    this.#call = this.#ask();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#call.cancel(Code.CANCELLED, "the endpoint is no longer used");
  }

  #ask(): Call {
    this.#heard = false;
    const request = { path: PATH, metadata: [], deadlineMs: Number.POSITIVE_INFINITY, message: REQUEST };
    const call = this.#channel.start(
      { ...request, background: true },
      {
        onHeader() {},
        onMessage: (message) => {
          this.#hear(message);
          call.read();
        },
        onWritable() {},
        onEnd: (status) => this.#ended(status),
      },
    );
    call.read();
    return call;
  }

  #hear(message: Buffer): void {
    if (this.#closed) return;
    this.#heard = true;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#set(fromBinary(HealthCheckResponseSchema, message).status === Status.NOT_SERVING);
  }

  /**
   * A stream that had told something may have ended for any reason, so what it told stands until the next one fails
   * too. Only an endpoint that cannot be reached is unwell then: with any other code it still answers calls.
   */
  #ended({ code }: CallStatus): void {
    if (this.#closed) return;
    if (TELLS_NOTHING.has(code)) {
      this.#set(false);
      return;
    }
    if (!this.#heard && code === Code.UNAVAILABLE) this.#set(true);
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.#timer = setTimeout(() => {
      this.#call = this.#ask();
    }, pauseMs).unref();
  }

  #set(unhealthy: boolean): void {
    if (this.unhealthy === unhealthy) return;
    this.unhealthy = unhealthy;
    this.#onChange();
  }
}
