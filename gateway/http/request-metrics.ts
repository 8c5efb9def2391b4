import { Code } from "@connectrpc/connect";
import { type Family, Histogram, type Labels, processMetrics, statusName } from "#mesh/metrics";
import type { Part } from "#mesh/process";
import { type Exchange, statusOfAnswer } from "./exchange.ts";

/** Bounds of the duration of HTTP requests in seconds, by the semantic conventions of OpenTelemetry. */
const bounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Anybody can make up another one. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);

/** The code that Connect has no name for. */
const OK = 0;

/** What the gateway counts of its requests. */
export interface RequestMetrics {
  /** Counts a request from here on as one under way. */
  begun(): void;
  /** Counts how a request has ended. */
  ended(exchange: Exchange): void;
  /** Tells of it while it runs. */
  readonly part: Part;
}

/** Counts requests by the names of OpenTelemetry, where there is a port to tell of them. */
export function createRequestMetrics({ metricsPort }: { readonly metricsPort: number }): RequestMetrics {
  const told = metricsPort === 0 ? undefined : new RequestCounts();
  let end: (() => void) | undefined;
  return {
    begun: () => told?.begun(),
    ended: (exchange) => told?.ended(exchange),
    part: {
      name: "metrics of requests",
      async start() {
        end = told && processMetrics().add(() => told.families());
      },
      async stop() {
        end?.();
      },
    },
  };
}

class RequestCounts {
  readonly #durations = new Map<string, { readonly labels: Labels; readonly histogram: Histogram }>();
  readonly #refused = new Map<string, number>();
  #active = 0;
  #replayed = 0;

  begun(): void {
    this.#active++;
  }

  ended(exchange: Exchange): void {
    const { method, notes, request, startedMs } = exchange;
    this.#active--;
    if (notes.replayed) this.#replayed++;
    const reason = notes.shed ? "concurrency" : notes.limited;
    if (reason !== undefined) this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    const labels = {
      http_request_method: methods.has(method) ? method : "_OTHER",
      http_route: notes.route ?? "",
      http_response_status_code: String(statusOfAnswer(exchange)),
      grpc_status: statusName(notes.code ?? (exchange.delivered ? OK : Code.Canceled)),
      network_protocol_version: request.httpVersionMajor === 2 ? "2" : request.httpVersion,
    };
    this.#histogramOf(labels).record((performance.now() - startedMs) / 1_000);
  }

  families(): Family[] {
    const active = [{ labels: {}, value: this.#active }];
    const replayed = [{ labels: {}, value: this.#replayed }];
    const refused = [...this.#refused].map(([reason, value]) => ({ labels: { reason }, value }));
    return [
      {
        ...{ type: "histogram", name: "http_server_request_duration_seconds", help: "Time from request to end." },
        ...{ bounds, samples: [...this.#durations.values()] },
      },
      {
        ...{ type: "gauge", name: "http_server_active_requests", help: "Requests under way." },
        samples: active,
      },
      {
        ...{ type: "counter", name: "heddle_gateway_refused_total", help: "Requests above a limit of rate or number." },
        samples: refused,
      },
      {
        ...{ type: "counter", name: "heddle_gateway_replayed_total", help: "Answers again, by Idempotency-Key." },
        samples: replayed,
      },
    ];
  }

  #histogramOf(labels: Labels): Histogram {
    const key = Object.values(labels).join(" ");
    const known = this.#durations.get(key);
    if (known) return known.histogram;
    const histogram = new Histogram(bounds);
    this.#durations.set(key, { labels, histogram });
    return histogram;
  }
}
