import { setTimeout as pause } from "node:timers/promises";
import type { Http } from "./http.ts";
import { httpClient } from "./http.ts";

/** What a load balancer in front of several gateways does: it asks each whether it is ready, and sends nothing to others. */
export interface EdgeBalancer extends AsyncDisposable {
  readonly http: Http;
  /** Requests answered so far. */
  readonly answered: number;
  /** Requests that were not answered 2xx, with what came instead. */
  readonly failures: readonly string[];
}

/** How often gateways are asked, in milliseconds. */
const periodMs = 100;

/** Sends each request to the next ready gateway, once. Use with `await using`. */
export function edgeBalancer(urls: readonly string[]): EdgeBalancer {
  const ready = new Set(urls);
  const clients = new Map(urls.map((url) => [url, httpClient(url)]));
  const failures: string[] = [];
  const ended = new AbortController();
  let answered = 0;
  let turn = 0;

  async function watch(url: string): Promise<void> {
    while (!ended.signal.aborted) {
      const status = await fetch(`${url}/readyz`, { signal: ended.signal }).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) ready.add(url);
      else ready.delete(url);
      await pause(periodMs, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  }

  const http: Http = async (request, options) => {
    const [url = ""] = [...ready].slice(turn++ % Math.max(1, ready.size));
    try {
      const answer = await (clients.get(url) ?? refuse)(request, options);
      answered += 1;
      if (answer.status >= 300) failures.push(`${request} by ${url}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      failures.push(`${request} by ${url}: ${error} ${cause ?? ""}`);
      throw error;
    }
  };

  const watching = Promise.all(urls.map(watch));
  return {
    http,
    failures,
    get answered() {
      return answered;
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await watching;
    },
  };
}

const refuse: Http = () => Promise.reject(new Error("no gateway is ready"));
