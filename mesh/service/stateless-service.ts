import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { DiscoveryService } from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { DataPlaneService } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";
import { dataPlaneHandlers, discoveryHandlers } from "#mesh/admin";
import type { ServiceConfig } from "#mesh/config";
import { type ContractSources, readContract } from "#mesh/contract";
import { armFaults } from "#mesh/fault";
import { accessTokenVerifier, openIdentity, remoteKeys } from "#mesh/identity";
import { group, type Part } from "#mesh/process";
import { createRpcServer, type RpcService } from "#mesh/rpc";
import { createLogger, type Logger } from "#mesh/telemetry";
import type { Service } from "./create-service.ts";
import { createDataPlane } from "./data-plane.ts";
import { createRegistration } from "./registration.ts";

/** What a service without a database is made of. */
export interface StatelessServiceOptions extends Pick<ContractSources, "services" | "reasons"> {
  readonly config: ServiceConfig;
  /** Constructs the implementations of the served contracts from what the mesh gives. */
  build(parts: StatelessParts): readonly RpcService[];
}

/** What the mesh gives to such a service. Nothing of it has started yet. */
export interface StatelessParts {
  readonly log: Logger;
  /** A typed client of a neighbour, at the address that the configuration names. */
  client<S extends DescService>(service: S): Client<S>;
}

/**
 * Puts a service together that answers from what its neighbours know: it serves its rpcs with policy, validation and
 * errors, and has no database, events or saga, so that there is no AdminService beside them either.
 * Throws a ContractError when the contract is at odds with itself. start() throws a StartError when the port is taken.
 */
export function createStatelessService({ config, build, ...sources }: StatelessServiceOptions): Service {
  const contract = readContract({
    ...sources,
    services: [...sources.services, DiscoveryService, DataPlaneService],
  });
  const log = createLogger({ name: contract.name, level: config.logLevel, format: config.logFormat });
  if (config.faults) armFaults(config.faults, log);
  const { identity, part: certificates } = openIdentity(contract.name, config.security, log);
  const plane = createDataPlane({ name: contract.name, identity, config, log });
  const client = <S extends DescService>(service: S) =>
    createClient(service, plane.transport(service, config.addressOf(service)));
  const server = createRpcServer({
    ...{ host: config.host, port: config.port, contract, identity, log },
    services: [...build({ log, client }), discoveryHandlers(plane.registry), dataPlaneHandlers(plane)],
    tokens: accessTokenVerifier(remoteKeys(client(JsonWebKeyService))),
    reflection: config.reflection,
    local: config.localCalls,
    ...plane.serving,
  });
  const { instances } = plane;
  const registration = createRegistration({ contract, config, instances, address: () => server.address, log });
  const leaving: Part = {
    ...registration,
    async stop() {
      server.setServing(false);
      await registration.stop();
    },
  };
  return {
    ...group(contract.name, [certificates, plane, registration.removal, server, leaving]),
    log,
    get address() {
      return server.address;
    },
  };
}
