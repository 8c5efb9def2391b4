import { Code, type ConnectError } from "@connectrpc/connect";
import type { Exchange } from "../http/exchange.ts";
import type { ClientOf } from "./client-address.ts";
import { tryLater } from "./try-later.ts";

/** How many requests this process takes at one time. */
export interface ConcurrencyOptions {
  readonly limit: number;
  /** Of them, from one client address, in percent; at least one request. */
  readonly clientShare: number;
  readonly clientOf: ClientOf;
}

/** Counts what this process has under way, and refuses more than it can hold. */
export interface Concurrency {
  /**
   * Counts a request until it is over. Throws Unavailable with RetryInfo when there are as many as there may be, and
   * ResourceExhausted when its client alone has as many as one may have.
   */
  enter(exchange: Exchange): void;
}

/** Creates it with nothing under way. */
export function createConcurrency({ limit, clientShare, clientOf }: ConcurrencyOptions): Concurrency {
  const perClient = Math.max(1, Math.floor((limit * clientShare) / 100));
  const running = new Map<string, number>();
  let all = 0;
  return {
    enter(exchange) {
      const client = clientOf(exchange);
      const own = running.get(client) ?? 0;
      const refusal = all >= limit ? full() : own >= perClient ? greedy() : undefined;
      if (refusal) {
        exchange.notes.shed = true;
        throw refusal;
      }
      all++;
      running.set(client, own + 1);
      exchange.response.on("close", () => {
        all--;
        const left = (running.get(client) ?? 0) - 1;
        if (left > 0) running.set(client, left);
        else running.delete(client);
      });
    },
  };
}

function full(): ConnectError {
  return tryLater("the gateway has as many requests under way as it may have", Code.Unavailable);
}

function greedy(): ConnectError {
  return tryLater("this client has as many requests under way as one may have", Code.ResourceExhausted);
}
