import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { TrafficRules } from "#gen/heddle/mesh/v1/traffic_pb.ts";
import { packageName, targetPolicyOf } from "#mesh/contract";
import type { Discovery } from "#mesh/discovery";
import type { CallExplanation } from "#mesh/resilience";
import { type CallerPlace, type ClientMeter, createTargetChannel, type TargetView } from "#mesh/target";
import type { ByteCalls, TransportOptions } from "./byte-calls.ts";
import { type EndpointSettings, openEndpoint } from "./open-endpoint.ts";
import { type ClosableTransport, createTransport } from "./transport.ts";

/** Whom a transport calls, and as whom. */
export interface MeshTransportOptions extends TransportOptions, EndpointSettings {}

/**
 * Creates the transport of a typed client to one address: `createClient(OrderService, createMeshTransport({ address }))`.
 * It connects with the first call and again when the connection is lost; a call that finds no server ends Unavailable at
 * once. Of several addresses it calls the first that it can reach. No policy but the deadline applies:
 * createTargetTransport() has them all. Throws a TypeError for an address in a registry, and for TLS or gzip with grpc-js.
 */
export function createMeshTransport(options: MeshTransportOptions): ClosableTransport {
  return createTransport(openEndpoint(options.address, options), options);
}

/** Which service a transport calls, and how its instances are found. */
export interface TargetTransportOptions extends TransportOptions, EndpointSettings {
  /** The contract by which the calls are made; further contracts of the same process may be called too. */
  readonly service: DescService;
  readonly discovery: Discovery;
  readonly place: CallerPlace;
  /** The rules of traffic to a target as they are now; undefined for none. */
  readonly traffic?: (target: string) => TrafficRules | undefined;
  /** Whether the rules may put faults into calls. Default false. */
  readonly faultsAllowed?: boolean;
  /** Makes what counts the calls of a target's method. Called once for each method. */
  readonly meterOf?: (target: string, method: DescMethod) => ClientMeter;
  /** Told what became of each call, and why. */
  readonly onExplained?: (explanation: CallExplanation, requestId: string) => void;
}

/** A transport to all instances of a service. */
export type TargetTransport = ClosableTransport & {
  /** The same channel for the process's own calls: the user's token does not go along. */
  readonly inNobodysName: Transport & ByteCalls;
  view(): TargetView;
};

/**
 * Creates the transport of a typed client to all instances of a service, wherever `address` says they are (see
 * readTarget): with balancing, retries, hedging, breaker, bulkhead and the rest of what the contract says.
 * Throws a RangeError for an address that cannot be read, and a ContractError for a service whose policies contradict
 * themselves.
 */
export function createTargetTransport(options: TargetTransportOptions): TargetTransport {
  const { service, address, discovery, place, traffic, faultsAllowed, meterOf, onExplained } = options;
  const target = packageName(service.file)?.service ?? service.typeName;
  const channel = createTargetChannel({
    ...{ target, place, policy: targetPolicyOf(service) },
    watch: (publish) => discovery.watch(target, address, publish),
    open: (at) => openEndpoint(at, options),
    ...(traffic && { traffic: () => traffic(target) }),
    ...(faultsAllowed && { faultsAllowed }),
    ...(meterOf && { meterOf: (method) => meterOf(target, method) }),
    ...(onExplained && { onExplained }),
  });
  return {
    ...createTransport(channel, options),
    inNobodysName: createTransport(channel, { ...options, forwardUser: false }),
    view: () => channel.view(),
  };
}
