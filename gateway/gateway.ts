import { createRouterTransport } from "@connectrpc/connect";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { dataPlaneHandlers } from "#mesh/admin";
import { type AccessTokenVerifier, openIdentity } from "#mesh/identity";
import type { Program } from "#mesh/process";
import { createDataPlane, type DataPlane } from "#mesh/service";
import { createLogger, type Logger } from "#mesh/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createEdge, type Documentation } from "./edge.ts";
import { createGuard } from "./guard/guard.ts";
import { sharedMemory } from "./guard/shared-memory.ts";
import { answerRequests } from "./http/answer-requests.ts";
import { createRequestMetrics } from "./http/request-metrics.ts";
import { createHttpPart } from "./http/serve.ts";
import type { OpenChannel, Upstream } from "./upstream/call-upstream.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** The contracts to serve and who serves them. */
  readonly services: readonly Upstream[];
  /** Default: JSON on stdout at the configured level. */
  readonly log?: Logger;
  /** Checks access tokens. Default: with the keys of the JsonWebKeyService among `services`. */
  readonly tokens?: AccessTokenVerifier;
  /** Default: what the descriptors of `services` hold. */
  readonly documentation?: Documentation;
  /** Opens channels to services; whoever gives it closes them. Default: the mesh's own, in the name of "gateway". */
  readonly open?: OpenChannel;
}

/** A gateway, whose contracts can be exchanged while it runs. */
export interface Gateway extends Program {
  /** Where it listens, once it has started. */
  readonly url: string;
  /**
   * Serves other contracts from the next request on; requests under way end by those that they began with. Throws a
   * StartError for contracts that cannot be served: those before stay.
   */
  swap(services: readonly Upstream[]): void;
}

/** Creates the gateway. Throws a StartError that lists what is wrong with the contracts' policies and HTTP rules. */
export function gateway(options: GatewayOptions): Gateway {
  const { config, tokens, documentation } = options;
  const log = options.log ?? createLogger({ name: "gateway", level: config.logLevel, format: config.logFormat });
  const { identity, part: certificates } = openIdentity("gateway", config.security, log);
  const plane = createDataPlane({ name: "gateway", identity, config, log });
  const guard = createGuard(config.guard, log, sharedMemory(config.guard, log));
  const own = ownServices(plane);
  const open = options.open ?? (({ service, address }, forwardUser) => plane.transport(service, address, forwardUser));
  const compile = (services: readonly Upstream[]) =>
    createEdge({
      config,
      services: [...services, own],
      tokens,
      guard,
      documentation,
      open,
      log,
      stopping: () => http.stopping,
      cut: () => http.cut,
    });
  let edge = compile(options.services);
  const metrics = createRequestMetrics(config);
  const listener = answerRequests((exchange, upgrade) => edge.handle(exchange, upgrade), { ...config, log, metrics });
  const http = createHttpPart({
    ...config,
    portVariable: "GATEWAY_PORT",
    listener,
    log,
  });
  return {
    name: "gateway",
    log,
    get url() {
      return http.url;
    },
    swap(services) {
      edge = compile(services);
      log.info({ routes: edge.table.routes.length }, "serving other contracts");
    },
    async start() {
      await certificates.start();
      await plane.start();
      await guard.start();
      await metrics.part.start();
      await http.start();
      log.info({ url: http.url, routes: edge.table.routes.length }, "listening");
    },
    async stop() {
      await http.stop();
      await metrics.part.stop();
      await guard.stop();
      await plane.stop();
      await certificates.stop();
    },
  };
}

/** The calls of the gateway itself, for admins to look into. */
function ownServices(plane: DataPlane): Upstream {
  const { handlers } = dataPlaneHandlers(plane);
  const own = createRouterTransport((router) => router.service(DataPlaneService, handlers));
  return { service: DataPlaneService, address: "", server: "gateway", own };
}
