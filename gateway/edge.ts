import type { DescFile, Registry } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { type MethodPolicy, readPolicies } from "#mesh/contract";
import { type AccessTokenVerifier, accessTokenVerifier, remoteKeys } from "#mesh/identity";
import { StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createGate, type Gate } from "./guard/authenticate.ts";
import { type Cors, createCors } from "./guard/cors.ts";
import { createDeprecation } from "./guard/deprecation.ts";
import { isOpenToPeople } from "./guard/edge-method.ts";
import type { Guard } from "./guard/guard.ts";
import { createSecurityHeaders } from "./guard/security-headers.ts";
import type { Exchange } from "./http/exchange.ts";
import { send, sendError } from "./http/send.ts";
import type { Upgrade } from "./http/upgrade.ts";
import { type ApiPages, apiPaths, createApiPages } from "./openapi/api-pages.ts";
import { openApiDocument } from "./openapi/document.ts";
import { edgeImage } from "./openapi/edge-image.ts";
import { createMessageRegistry } from "./registry.ts";
import { allowedMethods } from "./rest/find-route.ts";
import { lintRoutes } from "./rest/lint-routes.ts";
import { createRouteTable, type RouteTable } from "./rest/route-table.ts";
import { createPlaceOf } from "./rest/rule-place.ts";
import { createTranscoder, type Transcode } from "./rest/transcode.ts";
import { createOwnServices } from "./rpc/own-services.ts";
import { createRpcEdge, type RpcEdge } from "./rpc/rpc-edge.ts";
import { createFindCall } from "./socket/find-call.ts";
import { createSocketEdge, type ServeSocket } from "./socket/socket-edge.ts";
import { createUpstreams, type OpenChannel, type Upstream, type Upstreams } from "./upstream/call-upstream.ts";
import { answerHealth, healthPaths } from "./upstream/health.ts";
import { usualMetadata } from "./upstream/metadata-rules.ts";

/** What an edge is compiled from. */
export interface EdgeOptions {
  readonly config: Pick<
    GatewayConfig,
    "corsOrigins" | "tls" | "rest" | "maxBodyBytes" | "docs" | "streams" | "metadata" | "reflection"
  >;
  /** The contracts to serve and who serves them. */
  readonly services: readonly Upstream[];
  readonly open: OpenChannel;
  /** Who may call the services' methods, and how. Default: what their contracts say. */
  readonly policies?: readonly MethodPolicy[] | undefined;
  /** Messages that an Any may hold besides those of the services' files. */
  readonly types?: Registry | undefined;
  /** Checks access tokens. Default: with the keys of the JsonWebKeyService among `services`. */
  readonly tokens?: AccessTokenVerifier | undefined;
  readonly documentation?: Documentation | undefined;
  readonly guard: Guard;
  readonly log: Logger;
  /** Whether the gateway is about to stop. */
  stopping(): boolean;
  /** Aborts when the gateway cuts off what still runs. */
  cut(): AbortSignal;
}

/** What the description of the API is made from besides the routes. */
export interface Documentation {
  readonly title: string;
  /** Files with comments and error reasons; they are asked for when somebody first reads the description. */
  files(): readonly DescFile[];
}

/** Everything that is compiled from one set of contracts. A request is answered by one edge from begin to end. */
export interface Edge {
  readonly services: readonly Upstream[];
  /** The REST side. */
  readonly table: RouteTable;
  /** Answers a request, an error of its own included. */
  handle(exchange: Exchange, upgrade?: Upgrade): void;
}

/** Compiles an edge. Throws a StartError that lists what is wrong with the contracts' policies and HTTP rules. */
export function createEdge(options: EdgeOptions): Edge {
  const { config, services, log, stopping } = options;
  const contracts = services.map(({ service }) => service);
  const policies = options.policies ?? [...readPolicies(contracts).values()];
  const people = policies.filter(isOpenToPeople);
  const reflected = [...new Set(people.map(({ method }) => method.parent))];
  const reflection = config.reflection ?? true;
  const taken = new Set(contracts.map(({ typeName }) => typeName));
  const own = createOwnServices({ services: reflected, taken, reflection, upstreams: () => upstreams, stopping });
  const names = config.metadata ?? usualMetadata;
  const upstreams: Upstreams = createUpstreams([...services, ...own.upstreams], options.open, names);
  const registry = createMessageRegistry(contracts, options.types);
  const { mapping, errorDialect, explain } = config.rest;
  const documentation = options.documentation ?? {
    title: "API",
    files: () => services.map(({ service }) => service.file),
  };
  const placeOf = createPlaceOf(documentation.files);
  const table = createRouteTable(policies, registry, { mapping, placeOf });
  const rpcPaths = people.map(({ method }) => `/${method.parent.typeName}/${method.name}`);
  const ownPaths = [...healthPaths, ...(config.docs ? apiPaths : [])];
  for (const finding of lintRoutes(table, { rpcPaths, ownPaths, placeOf })) log.warn({ finding }, "odd HTTP rule");
  const announce = createDeprecation(people, table);
  const admit = createGate(options.tokens ?? tokensOf(upstreams), options.guard);
  const gate: Gate = (exchange, policy) => {
    announce(exchange, policy);
    return admit(exchange, policy);
  };
  const { maxBodyBytes, streams } = config;
  const shared = { gate, upstreams, registry, log, streams, cut: options.cut };
  const rpc = createRpcEdge({ ...shared, policies: [...people, ...own.policies], maxMessageBytes: maxBodyBytes });
  const rest = createTranscoder({ ...shared, table, maxBodyBytes, explain });
  const cors = createCors({ ...options.guard.cors, origins: config.corsOrigins });
  const find = createFindCall({ policies: people, table, registry });
  const sockets = createSocketEdge({ ...shared, find, cors, maxMessageBytes: maxBodyBytes });
  const pages = createApiPages({
    document: () => openApiDocument({ routes: table.routes, errorDialect, ...documentation }),
    image: () => edgeImage(people.map(({ method }) => method)),
  });
  const parts = {
    concurrency: options.guard.concurrency,
    rpc,
    rest,
    secure: createSecurityHeaders(config.tls !== undefined),
    sockets,
    table,
    cors,
    upstreams,
    stopping,
    ...(config.docs && { pages }),
  };
  return {
    services,
    table,
    handle(exchange, upgrade) {
      dispatch(exchange, parts, upgrade).catch((thrown: unknown) =>
        sendError(exchange, thrown, { registry, dialect: errorDialect }),
      );
    },
  };
}

interface EdgeParts {
  readonly concurrency: Guard["concurrency"];
  readonly rpc: RpcEdge;
  readonly rest: Transcode;
  readonly table: RouteTable;
  readonly cors: Cors;
  readonly upstreams: Upstreams;
  readonly pages?: ApiPages;
  readonly sockets: ServeSocket;
  secure(exchange: Exchange): void;
  stopping(): boolean;
}

async function dispatch(exchange: Exchange, parts: EdgeParts, upgrade: Upgrade | undefined): Promise<void> {
  const { cors, rpc, rest, upstreams, pages } = parts;
  parts.secure(exchange);
  cors.allow(exchange);
  if (upgrade) {
    parts.concurrency.enter(exchange);
    return parts.sockets(exchange, upgrade);
  }
  if (exchange.method === "OPTIONS" && answerOptions(exchange, parts)) return;
  const byRpc = rpc.serves(exchange);
  try {
    if (!isAboutHealth(exchange.path)) parts.concurrency.enter(exchange);
  } catch (refusal) {
    if (!byRpc) throw refusal;
    return rpc.refuse(exchange, refusal);
  }
  if (byRpc) return rpc.handle(exchange);
  if (healthPaths.includes(exchange.path) && (await answerHealth(exchange, upstreams, parts.stopping()))) return;
  if (pages?.(exchange)) return;
  return rest(exchange);
}

/** What load balancers ask is answered whatever else is under way. */
function isAboutHealth(path: string): boolean {
  return healthPaths.includes(path) || path.startsWith("/grpc.health.v1.Health/");
}

/** Answers OPTIONS for every path that exists, unless a rule of the contracts serves it itself. */
function answerOptions(exchange: Exchange, { cors, rpc, table }: EdgeParts): boolean {
  const match = table.match("OPTIONS", exchange.path);
  const asked = cors.askedMethod(exchange);
  if (match.found && asked === undefined) return false;
  const methods = match.found
    ? servedMethods(table, exchange.path, asked)
    : [...new Set([...rpc.methodsOf(exchange.path), ...allowedMethods(match.methods)])].sort();
  if (methods.length === 0) return false;
  exchange.notes.route = "OPTIONS";
  send(exchange, 204, { Allow: methods.join(", "), ...cors.preflight(exchange, methods) });
  return true;
}

/** Where a rule of the contracts takes OPTIONS itself, a page is told of its own method only. */
function servedMethods(table: RouteTable, path: string, asked = ""): string[] {
  return table.match(asked, path).found ? [asked] : [];
}

function tokensOf(upstreams: Upstreams): AccessTokenVerifier {
  const issuer = upstreams.list.find(({ service }) => service.typeName === JsonWebKeyService.typeName);
  if (issuer === undefined) {
    throw new StartError(`The gateway knows no keys for access tokens: add ${JsonWebKeyService.typeName} to services.`);
  }
  return accessTokenVerifier(remoteKeys(createClient(JsonWebKeyService, upstreams.ownChannel(issuer.service))));
}
