import { Code } from "@connectrpc/connect";
import type { Exchange } from "../http/exchange.ts";
import { tryLater } from "./try-later.ts";

/** Counts what this process has under way, and refuses more than it can hold. */
export interface Concurrency {
  /** Counts a request until it is over. Throws Unavailable with RetryInfo when there are as many as there may be. */
  enter(exchange: Exchange): void;
}

/** Creates it for at most `limit` requests at one time. */
export function createConcurrency(limit: number): Concurrency {
  let running = 0;
  return {
    enter({ response, notes }) {
      if (running >= limit) {
        notes.shed = true;
        throw tryLater("the gateway has as many requests under way as it may have", Code.Unavailable);
      }
      running++;
      response.on("close", () => running--);
    },
  };
}
