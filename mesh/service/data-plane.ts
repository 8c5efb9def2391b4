import { hostname } from "node:os";
import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { ServiceConfig } from "#mesh/config";
import { createDiscovery, createRegistry, type Registry, registryBucket } from "#mesh/discovery";
import type { ServiceIdentity } from "#mesh/identity";
import { type Bucket, maintainConnection, openBucket } from "#mesh/nats";
import { group, type Part } from "#mesh/process";
import { type ByteCalls, createTargetTransport, type RpcServerOptions, type TargetTransport } from "#mesh/rpc";
import { createCallLog, type RememberedCalls, rememberCalls } from "#mesh/target";
import type { Logger } from "#mesh/telemetry";
import { createTrafficStore, type TrafficStore, trafficBucket } from "#mesh/traffic";
import { serviceMetrics } from "./service-metrics.ts";

/** What a process's calls are made with. */
export interface DataPlaneOptions {
  /** Who calls: a service, or the gateway. */
  readonly name: string;
  readonly identity: ServiceIdentity;
  readonly config: Pick<
    ServiceConfig,
    | ("registryUrl" | "serverOf" | "streamReplicas" | "self" | "channel" | "localCalls" | "trafficFaults")
    | ("host" | "metricsPort")
  >;
  readonly log: Logger;
}

/** How a process finds those whom it calls, and how it calls them. */
export interface DataPlane extends Part {
  readonly registry: Registry;
  /** What the registry lives in, to register there. */
  readonly instances: Bucket;
  readonly traffic: TrafficStore;
  readonly calls: RememberedCalls;
  /** Counts what the process serves, where it counts: to be added to the options of its server. */
  readonly serving: Pick<RpcServerOptions, "meterOf">;
  /**
   * The transport to whoever serves a contract at `address` (see readTarget), made once for an address. `forwardUser`
   * false: the calls are the process's own, and the user's token does not go along. Default true.
   */
  transport(service: DescService, address: string, forwardUser?: boolean): Transport & ByteCalls;
  /** One for each address that was asked for. */
  transports(): readonly TargetTransport[];
}

/**
 * Creates the data plane of a process. It connects to the broker for the registry and the rules of traffic; as long as
 * the broker is away, what is known goes on to hold. stop() ends every call.
 */
export function createDataPlane({ name, identity, config, log }: DataPlaneOptions): DataPlane {
  const { registryUrl, serverOf, streamReplicas, self, channel, localCalls, trafficFaults } = config;
  const connection = maintainConnection({ url: registryUrl, name: `${name} registry`, log });
  const instances = openBucket(connection, registryBucket(streamReplicas), log);
  const registry = createRegistry(instances, log);
  const traffic = createTrafficStore(openBucket(connection, trafficBucket(streamReplicas), log), log);
  const calls = rememberCalls();
  const logCall = createCallLog(log);
  const metrics = serviceMetrics(config);
  const transports = new Map<string, TargetTransport>();
  const shared = {
    discovery: createDiscovery({ registry }),
    place: { zone: self.zone, seed: `${hostname()}/${process.pid}` },
    ...{ identity, channel, local: localCalls, faultsAllowed: trafficFaults },
    ...metrics.calling,
    traffic: traffic.rules,
    onExplained: explain,
  };

  function open(service: DescService, address: string): TargetTransport {
    // In plain text nobody's name is asked for.
    const server = identity.tls ? serverOf(service) : undefined;
    return createTargetTransport({ ...shared, service, address, server });
  }

  function explain(...[explanation, requestId]: Parameters<RememberedCalls["add"]>): void {
    calls.add(explanation, requestId);
    logCall(explanation, requestId);
  }

  const connected: Part = {
    name: "connection to the registry",
    start: () => connection.start(),
    stop: () => connection.stop(),
  };
  const closing: Part = {
    name: "channels",
    async start() {},
    async stop() {
      for (const transport of transports.values()) transport.close();
    },
  };
  const counting = metrics.part({ name, targets: () => [...transports.values()].map((one) => one.view()) });
  return {
    ...group("data plane", [counting, connected, registry, traffic, closing]),
    ...{ registry, instances, traffic, calls, serving: metrics.serving },
    transport(service, address, forwardUser = true) {
      const transport = transports.get(address) ?? open(service, address);
      transports.set(address, transport);
      return forwardUser ? transport : transport.inNobodysName;
    },
    transports: () => [...transports.values()],
  };
}
