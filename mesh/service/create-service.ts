import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { DiscoveryService } from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { adminHandlers, dataPlaneHandlers, discoveryHandlers } from "#mesh/admin";
import type { ServiceConfig } from "#mesh/config";
import { type Contract, type ContractSources, readContract } from "#mesh/contract";
import { createDatabase, type Database, meshMigrations } from "#mesh/db";
import { createEvents, type Outbox } from "#mesh/events";
import { armFaults } from "#mesh/fault";
import { accessTokenVerifier, type KeySource, openIdentity, remoteKeys } from "#mesh/identity";
import { group, type Part } from "#mesh/process";
import { createRpcServer, type RpcService } from "#mesh/rpc";
import { createSaga, type Participants, type ReactionHandlers, sagaMigrations } from "#mesh/saga";
import { createLogger, type Logger } from "#mesh/telemetry";
import { createDataPlane } from "./data-plane.ts";
import { createRegistration } from "./registration.ts";

/** A running service: one database, one gRPC port, its reactions, timers and effects. */
export interface Service extends Part {
  readonly log: Logger;
  /** host:port that it listens on, once it has started. */
  readonly address: string;
}

/** What a service is made of. */
export interface ServiceOptions<Reactions extends DescService> extends ContractSources {
  readonly reactions?: Reactions;
  readonly config: ServiceConfig;
  /** Folder of the migrations of its own tables. */
  readonly migrations: string;
  /** Other times for timers of the contract, by rpc name, in milliseconds. */
  readonly timers?: Readonly<Record<string, number>>;
  /** Constructs what is the service's own from what the mesh gives it. */
  build(parts: ServiceParts): ServiceBody<Reactions>;
}

/** What the mesh gives to a service. Nothing of it has started yet. */
export interface ServiceParts {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly participants: Participants;
  readonly log: Logger;
  /** Aborts when the service begins to stop: calls that would go on for long must end now. */
  readonly stopping: AbortSignal;
  /** A typed client of a neighbour, at the address that the configuration names. */
  client<S extends DescService>(service: S): Client<S>;
}

/** What a service gives to the mesh. */
export interface ServiceBody<Reactions extends DescService> {
  /** Implementations of the served contracts. */
  readonly handlers: readonly RpcService[];
  /** Handlers of its service of reactions. */
  readonly reactions?: ReactionHandlers<Reactions>;
  /** Further parts; they start after the database and stop before it. */
  readonly parts?: readonly Part[];
  /** Runs at each start, after the migrations and before anything is served. */
  readonly seed?: (() => Promise<void>) | undefined;
  /** Keys of access tokens, for the service that issues them. All others ask it. */
  readonly keys?: KeySource;
}

/**
 * Puts a service together from its contract: reads and checks the contract, connects outbox, reactions, timers and
 * effects to the database and the broker, and serves its rpcs with policy, validation and errors, and AdminService
 * beside them.
 * Throws a ContractError when the contract is at odds with itself. start() throws a StartError when the database cannot
 * be reached or the port is taken; a broker that is away is waited for while calls are served.
 */
export function createService<Reactions extends DescService>(options: ServiceOptions<Reactions>): Service {
  const { config } = options;
  const contract = readContract({ ...options, services: [...options.services, ...meshServices] });
  const log = createLogger({ name: contract.name, level: config.logLevel, format: config.logFormat });
  if (config.faults) armFaults(config.faults, log);
  const { identity, part: certificates } = openIdentity(contract.name, config.security, log);
  const plane = createDataPlane({ name: contract.name, identity, config, log });
  const database = createDatabase({
    postgresUrl: config.postgresUrl,
    name: databaseName(contract, config),
    migrations: [meshMigrations, sagaMigrations, options.migrations],
    poolSize: config.poolSize,
    log,
  });
  const saga = createSaga({ contract, database, log, ...(options.timers && { timers: options.timers }) });
  const stream = { replicas: config.streamReplicas, maxBytes: config.streamMaxBytes };
  const critical = criticalEvents(contract);
  const { natsUrl, ackWaitMs } = config;
  const events = createEvents({ contract, database, natsUrl, stream, critical, ackWaitMs, receive: saga.receive, log });
  saga.connect(events);
  const client = <S extends DescService>(service: S) =>
    createClient(service, plane.transport(service, config.addressOf(service)));
  const { outbox } = events;
  const stopping = new AbortController();
  const { participants } = saga;
  const body = options.build({ database, outbox, participants, log, stopping: stopping.signal, client });
  if (body.reactions) saga.handle(body.reactions);
  const keys = body.keys ?? remoteKeys(client(JsonWebKeyService));
  const server = createRpcServer({
    host: config.host,
    port: config.port,
    contract,
    services: [
      ...body.handlers,
      adminHandlers({ contract, database, events, stopping: stopping.signal }),
      discoveryHandlers(plane.registry),
      dataPlaneHandlers(plane),
    ],
    tokens: accessTokenVerifier(keys),
    identity,
    log,
    reflection: config.reflection,
    local: config.localCalls,
    ...plane.serving,
  });
  const { instances } = plane;
  const registration = createRegistration({ contract, config, instances, address: () => server.address, log });
  const leaving: Part = {
    ...registration,
    async stop() {
      // Calls that would go on for long must not hold up the drain.
      stopping.abort();
      server.setServing(false);
      await registration.stop();
    },
  };
  const own = [...(body.parts ?? []), ...(body.seed ? [seeding(body.seed)] : [])];
  return {
    ...group(contract.name, [
      ...[certificates, plane, database, ...own],
      ...[events, saga.worker, registration.removal, server, leaving],
    ]),
    log,
    get address() {
      return server.address;
    },
  };
}

/** What every process serves beside its own contracts. */
const meshServices = [AdminService, DiscoveryService, DataPlaneService];

/** Events whose loss would leave a saga in a state that nothing mends: they are tried for ever, never set aside. */
function criticalEvents({ reactions }: Contract): ReadonlySet<string> {
  const critical = (reactions?.events ?? []).filter((reaction) => reaction.critical);
  return new Set(critical.map(({ event }) => event.message.typeName));
}

function seeding(seed: () => Promise<void>): Part {
  return { name: "seed", start: seed, async stop() {} };
}

/** "shop.order" lives in the database "shop_order", after the prefix that lets several meshes share a server. */
function databaseName(contract: Contract, config: ServiceConfig): string {
  return config.databasePrefix + contract.name.replaceAll(".", "_");
}
