import { Code, ConnectError } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { implement, type RpcService } from "./handler.ts";

/** The health of a server and of each of its services. */
export interface HealthReport {
  /** grpc.health.v1.Health, to be served. */
  readonly service: RpcService;
  /** Changes the status of the server ("") and of all its services. */
  setServing(serving: boolean): void;
  /** Reports NOT_SERVING for good and ends the watches, which would keep the server from stopping. */
  stop(): void;
}

/** Reports the health of `names`, NOT_SERVING at first (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). */
export function createHealth(names: readonly string[]): HealthReport {
  const known = new Set(["", ...names]);
  let status: Status = Status.NOT_SERVING;
  let stopped = false;
  let changed = Promise.withResolvers<void>();

  function change(to: Status): void {
    if (stopped) return;
    status = to;
    changed.resolve();
    changed = Promise.withResolvers();
  }

  const statusOf = (name: string): Status => (known.has(name) ? status : Status.SERVICE_UNKNOWN);

  async function* watch(name: string, signal: AbortSignal): AsyncGenerator<{ status: Status }> {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    let told: Status | undefined;
    while (!signal.aborted) {
      const next = changed.promise;
      if (told !== statusOf(name)) {
        told = statusOf(name);
        yield { status: told };
      }
      if (stopped) throw new ConnectError("the server is stopping", Code.Unavailable);
      if (changed.promise === next) await Promise.race([next, aborted.promise]);
    }
  }

  const service = implement(Health, {
    async check(request) {
      if (!known.has(request.service)) throw new ConnectError(`no service "${request.service}" here`, Code.NotFound);
      return { status };
    },
    async list() {
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status }])) };
    },
    watch: (request, { signal }) => watch(request.service, signal),
  });

  return {
    service,
    setServing: (serving) => change(serving ? Status.SERVING : Status.NOT_SERVING),
    stop() {
      change(Status.NOT_SERVING);
      stopped = true;
      changed.resolve();
    },
  };
}
