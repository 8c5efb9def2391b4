import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import type { Exchange } from "../http/exchange.ts";
import { send } from "../http/send.ts";
import type { Upstreams } from "./call-upstream.ts";

/** A service that is not ready, and why. */
export interface Missing {
  readonly service: string;
  readonly address: string;
  readonly reason: string;
}

/** The paths that answerHealth answers. */
export const healthPaths: readonly string[] = ["/healthz", "/readyz"];

const patienceMs = 1_000;

/** Asks every address by grpc.health.v1 whether it serves, and returns the services of those that do not. */
export async function missingUpstreams(upstreams: Upstreams): Promise<Missing[]> {
  const processes = new Map(upstreams.list.map(({ address, service }) => [address, service]));
  const asked = [...processes].map(async ([address, service]) => {
    return [address, await reasonNotServing(upstreams, service)] as const;
  });
  const reasons = new Map(await Promise.all(asked));
  return upstreams.list.flatMap(({ service, address }) => {
    const reason = reasons.get(address);
    return reason === undefined ? [] : [{ service: service.typeName, address, reason }];
  });
}

/**
 * Answers /healthz (the process is alive) and /readyz (every service answers, and the gateway is not stopping).
 * Returns false for any other path.
 */
export async function answerHealth(exchange: Exchange, upstreams: Upstreams, stopping: boolean): Promise<boolean> {
  const { path, method, notes } = exchange;
  if ((path !== "/healthz" && path !== "/readyz") || (method !== "GET" && method !== "HEAD")) return false;
  notes.route = path;
  if (path === "/healthz") {
    send(exchange, 200, {}, JSON.stringify({ status: "ok" }));
    return true;
  }
  const missing = await missingUpstreams(upstreams);
  const ready = missing.length === 0 && !stopping;
  const status = stopping ? "stopping" : ready ? "ready" : "not ready";
  send(exchange, ready ? 200 : 503, { "Cache-Control": "no-store" }, JSON.stringify({ status, missing }));
  return true;
}

async function reasonNotServing(upstreams: Upstreams, service: DescService): Promise<string | undefined> {
  try {
    const client = createClient(Health, upstreams.ownChannel(service));
    const { status } = await client.check({ service: "" }, { timeoutMs: patienceMs });
    return status === Status.SERVING ? undefined : "it says that it is not serving";
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    // A server without the health service serves as long as it answers (gRFC A17).
    if (error.code === Code.Unimplemented) return undefined;
    return `${Code[error.code]}: ${error.rawMessage}`;
  }
}
