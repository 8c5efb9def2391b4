import { Code } from "@connectrpc/connect";
import { tryLater } from "../guard/try-later.ts";

/** The bytes of one request that are held in memory. */
export interface HeldBytes {
  /** Counts bytes that are kept. Throws Unavailable with RetryInfo when the process holds as many as it may. */
  add(bytes: number): void;
  /** Counts bytes that have gone on before the end of the request. */
  remove(bytes: number): void;
  /** To be called once the answer is over: what a client goes on sending then is thrown away, and holds nothing. */
  release(): void;
}

/** Makes the count of a request. */
export type CountHeld = () => HeldBytes;

/** Counts what all requests of this process hold, which may be `limit` bytes. */
export function createHeldBytes(limit: number): CountHeld {
  const all = { bytes: 0, limit };
  return () => new OwnHeldBytes(all);
}

class OwnHeldBytes implements HeldBytes {
  readonly #all: { bytes: number; readonly limit: number };
  #own = 0;
  #over = false;

  constructor(all: { bytes: number; readonly limit: number }) {
    this.#all = all;
  }

  add(bytes: number): void {
    if (this.#all.bytes + bytes > this.#all.limit) {
      throw tryLater("the gateway holds as many bytes as it may", Code.Unavailable);
    }
    this.#move(bytes);
  }

  remove(bytes: number): void {
    this.#move(-bytes);
  }

  release(): void {
    this.#move(-this.#own);
    this.#over = true;
  }

  #move(bytes: number): void {
    if (this.#over) return;
    this.#own += bytes;
    this.#all.bytes += bytes;
  }
}
