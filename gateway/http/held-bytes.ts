import { Code } from "@connectrpc/connect";
import { tryLater } from "../guard/try-later.ts";
import type { HttpResponse } from "./message.ts";

/** The bytes of one request that are held in memory. */
export interface HeldBytes {
  /** Counts bytes that are kept. Throws Unavailable with RetryInfo when the process holds as many as it may. */
  add(bytes: number): void;
  /** Counts bytes that have gone on before the end of the request. */
  remove(bytes: number): void;
}

/** Makes the count of a request, which holds nothing any more once its answer is over. */
export type CountHeld = (response: HttpResponse) => HeldBytes;

/** Counts what all requests of this process hold, which may be `limit` bytes. */
export function createHeldBytes(limit: number): CountHeld {
  let all = 0;
  return (response) => {
    let own = 0;
    let over = false;
    const move = (bytes: number) => {
      // What a client goes on sending after its answer is thrown away.
      if (over) return;
      own += bytes;
      all += bytes;
    };
    response.on("close", () => {
      move(-own);
      over = true;
    });
    return {
      add(bytes) {
        if (all + bytes > limit) throw tryLater("the gateway holds as many bytes as it may", Code.Unavailable);
        move(bytes);
      },
      remove: (bytes) => move(-bytes),
    };
  };
}
