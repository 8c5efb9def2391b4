import type { RequestListener } from "node:http";
import type { Registry } from "@bufbuild/protobuf";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { dataPlaneHandlers } from "#mesh/admin";
import { readPolicies } from "#mesh/contract";
import { type AccessTokenVerifier, accessTokenVerifier, openIdentity, remoteKeys } from "#mesh/identity";
import { type Program, StartError } from "#mesh/process";
import { createDataPlane, type DataPlane } from "#mesh/service";
import { createLogger, type Logger } from "#mesh/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createGate } from "./guard/authenticate.ts";
import { type Cors, createCors } from "./guard/cors.ts";
import { isOpenToPeople } from "./guard/edge-method.ts";
import { logWhenOver } from "./http/access-log.ts";
import { beginExchange, type Exchange } from "./http/exchange.ts";
import { discardRest } from "./http/read-body.ts";
import { send, sendError } from "./http/send.ts";
import { createHttpPart } from "./http/serve.ts";
import { createMessageRegistry } from "./registry.ts";
import { createRouteTable, type RouteTable } from "./rest/route-table.ts";
import { allowedMethods, createTranscoder, type Transcode } from "./rest/transcode.ts";
import { createRpcEdge, type RpcEdge } from "./rpc/connect.ts";
import { createUpstreams, type OpenChannel, type Upstream, type Upstreams } from "./upstream/call-upstream.ts";
import { answerHealth } from "./upstream/health.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** The contracts to serve and who serves them. */
  readonly services: readonly Upstream[];
  /** Default: JSON on stdout at the configured level. */
  readonly log?: Logger;
  /** Checks access tokens. Default: with the keys of the JsonWebKeyService among `services`. */
  readonly tokens?: AccessTokenVerifier;
  /** Opens channels to services. Default: the mesh's own, in the name of "gateway". */
  readonly open?: OpenChannel;
}

/** Creates the gateway. Throws a StartError that lists what is wrong with the contracts' policies and HTTP rules. */
export function gateway(options: GatewayOptions): Program & { readonly url: string } {
  const { config } = options;
  const log = options.log ?? createLogger({ name: "gateway", level: config.logLevel, format: config.logFormat });
  const { identity, part: certificates } = openIdentity("gateway", config.security, log);
  const plane = createDataPlane({ name: "gateway", identity, config, log });
  const services = [...options.services, ownServices(plane)];
  const open: OpenChannel = ({ service, address }, forwardUser) => plane.transport(service, address, forwardUser);
  const upstreams = createUpstreams(services, options.open ?? open);
  const policies = [...readPolicies(services.map(({ service }) => service)).values()];
  const registry = createMessageRegistry(services.map(({ service }) => service));
  const table = createRouteTable(policies, registry);
  const gate = createGate(options.tokens ?? tokensOf(upstreams));
  const { maxBodyBytes } = config;
  const shared = { gate, upstreams, registry, log };
  const rpc = createRpcEdge({ ...shared, policies: policies.filter(isOpenToPeople), maxMessageBytes: maxBodyBytes });
  const rest = createTranscoder({ ...shared, table, maxBodyBytes });
  const cors = createCors(config.corsOrigins);
  const dispatch = createListener({ rpc, rest, table, cors, upstreams, registry, log, stopping: () => http.stopping });
  const { host, port, drainDelayMs, drainTimeoutMs } = config;
  const drain = { drainDelayMs, drainTimeoutMs };
  const http = createHttpPart({ host, port, ...drain, portVariable: "GATEWAY_PORT", listener: dispatch });
  return {
    name: "gateway",
    log,
    get url() {
      return http.url;
    },
    async start() {
      await certificates.start();
      await plane.start();
      await http.start();
      log.info({ url: http.url, routes: table.routes.length }, "listening");
    },
    async stop() {
      await http.stop();
      upstreams.close();
      await plane.stop();
      await certificates.stop();
    },
  };
}

interface ListenerParts {
  readonly rpc: RpcEdge;
  readonly rest: Transcode;
  readonly table: RouteTable;
  readonly cors: Cors;
  readonly upstreams: Upstreams;
  readonly registry: Registry;
  readonly log: Logger;
  stopping(): boolean;
}

function createListener(parts: ListenerParts): RequestListener {
  return (request, response) => {
    const exchange = beginExchange(request, response);
    logWhenOver(exchange, parts.log);
    response.on("finish", () => discardRest(request));
    // A socket that breaks is seen by "close"; without a listener its error would end the process.
    response.on("error", (error) => parts.log.debug({ err: error, requestId: exchange.requestId }, "socket failed"));
    dispatch(exchange, parts).catch((thrown: unknown) => sendError(exchange, thrown, parts.registry));
  };
}

async function dispatch(exchange: Exchange, parts: ListenerParts): Promise<void> {
  const { cors, rpc, rest, upstreams } = parts;
  cors.allow(exchange);
  if (exchange.method === "OPTIONS" && answerOptions(exchange, parts)) return;
  if (rpc.serves(exchange.path)) return rpc.handle(exchange);
  if (await answerHealth(exchange, upstreams, parts.stopping())) return;
  return rest(exchange);
}

/** Answers OPTIONS for every path that exists, unless a rule of the contracts serves it itself. */
function answerOptions(exchange: Exchange, { cors, rpc, table }: ListenerParts): boolean {
  const match = table.match("OPTIONS", exchange.path);
  if (match.found) return false;
  const methods = rpc.serves(exchange.path) ? ["GET", "OPTIONS", "POST"] : allowedMethods(match.methods);
  if (methods.length === 0) return false;
  exchange.notes.route = "OPTIONS";
  send(exchange, 204, { Allow: methods.join(", "), ...cors.preflight(exchange, methods) });
  return true;
}

/** The calls of the gateway itself, for admins to look into. */
function ownServices(plane: DataPlane): Upstream {
  const { handlers } = dataPlaneHandlers(plane);
  const own = createRouterTransport((router) => router.service(DataPlaneService, handlers));
  return { service: DataPlaneService, address: "", server: "gateway", own };
}

function tokensOf(upstreams: Upstreams): AccessTokenVerifier {
  const issuer = upstreams.list.find(({ service }) => service.typeName === JsonWebKeyService.typeName);
  if (issuer === undefined) {
    throw new StartError(`The gateway knows no keys for access tokens: add ${JsonWebKeyService.typeName} to services.`);
  }
  return accessTokenVerifier(remoteKeys(createClient(JsonWebKeyService, upstreams.ownChannel(issuer.service))));
}
