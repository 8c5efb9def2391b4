import { createRegistry } from "@bufbuild/protobuf";
import type { AccessTokenVerifier } from "#mesh/identity";
import { StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { createEdge, type Edge } from "../edge.ts";
import type { Guard } from "../guard/guard.ts";
import type { Exchange } from "../http/exchange.ts";
import type { Upgrade } from "../http/upgrade.ts";
import { defaultRestConfig } from "../rest/rest-config.ts";
import type { Upstream } from "../upstream/call-upstream.ts";
import type { ChannelLease, Channels } from "./channels.ts";
import type { StandaloneConfig } from "./config.ts";
import { overrideRules } from "./http-rules.ts";
import { policiesOf } from "./policies.ts";
import type { UpstreamContracts } from "./read-contracts.ts";

/** What is served by one reading of the contracts. */
export interface Generation {
  readonly edge: Edge;
  handle(exchange: Exchange, upgrade?: Upgrade): void;
  /** Closes its channels, as far as no newer generation uses them, when the last of its requests has been answered. */
  retire(): void;
}

/** What a generation is made with besides its contracts. */
export interface GenerationOptions {
  readonly config: StandaloneConfig;
  readonly channels: Channels;
  readonly tokens: AccessTokenVerifier;
  readonly guard: Guard;
  readonly log: Logger;
  stopping(): boolean;
  /** Aborts when the gateway cuts off what still runs. */
  cut(): AbortSignal;
}

/**
 * Compiles contracts. Throws a StartError that lists what is wrong: services that two servers have, HTTP rules that
 * select nothing or cannot be served, TLS files that cannot be used.
 */
export function createGeneration(contracts: readonly UpstreamContracts[], options: GenerationOptions): Generation {
  const faults = servedTwice(contracts);
  const services = contracts.flatMap((each) => each.services);
  const { auth, limits, rules } = options.config;
  const methods = services.flatMap((service) => service.methods);
  const rulesOf = overrideRules(rules, methods, faults);
  if (faults.length > 0) throw new StartError(faults.join("\n"));
  const foreign = { ...limits, signedIn: auth !== undefined, open: auth?.open ?? [] };
  const leases = leaseAll(contracts, options);
  try {
    const policies = policiesOf(services, foreign, rulesOf);
    return inUse(compile({ contracts, policies, leases }, options), leases);
  } catch (fault) {
    for (const lease of leases.values()) lease.release();
    throw fault;
  }
}

type Leases = ReadonlyMap<string, ChannelLease>;

interface Compiled {
  readonly contracts: readonly UpstreamContracts[];
  readonly policies: ReturnType<typeof policiesOf>;
  readonly leases: Leases;
}

function compile({ contracts, policies, leases }: Compiled, options: GenerationOptions): Edge {
  const { config, tokens, guard, log, stopping, cut } = options;
  const { corsOrigins, limits, streams, docs } = config;
  const upstreams = contracts.flatMap(({ upstream, services }): Upstream[] =>
    services.map((service) => ({ service, address: upstream.address, server: upstream.name })),
  );
  return createEdge({
    ...{ policies, tokens, guard, log, stopping, cut, services: upstreams },
    config: {
      ...{ corsOrigins, tls: config.listen.tls, streams, rest: defaultRestConfig },
      ...{ maxBodyBytes: limits.maxBodyBytes, docs: docs !== undefined },
    },
    documentation: docs && { ...docs, files: () => contracts.flatMap(({ registry }) => [...registry.files]) },
    types: createRegistry(...contracts.map(({ registry }) => registry)),
    open: ({ server }, forwardUser) => known(leases.get(server)).transport(forwardUser),
  });
}

/** Counts the requests that an edge answers, so that its channels stay open as long as there are any. */
function inUse(edge: Edge, leases: Leases): Generation {
  let running = 0;
  let retired = false;
  const closeIfOver = () => {
    if (!retired || running > 0) return;
    for (const lease of leases.values()) lease.release();
  };
  return {
    edge,
    handle(exchange, upgrade) {
      running++;
      exchange.response.once("close", () => {
        running--;
        closeIfOver();
      });
      edge.handle(exchange, upgrade);
    },
    retire() {
      retired = true;
      closeIfOver();
    },
  };
}

function leaseAll(contracts: readonly UpstreamContracts[], { channels, config }: GenerationOptions): Leases {
  const leases = new Map<string, ChannelLease>();
  const { maxBodyBytes: maxMessageBytes } = config.limits;
  for (const { upstream, services } of contracts) {
    const [service] = services;
    try {
      if (service) leases.set(upstream.name, channels.lease(upstream, { service, maxMessageBytes }));
    } catch (cause) {
      for (const lease of leases.values()) lease.release();
      throw new StartError(`upstreams.${upstream.name}.tls: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
  }
  return leases;
}

function servedTwice(contracts: readonly UpstreamContracts[]): string[] {
  const all = contracts.flatMap(({ upstream, services }) => services.map(({ typeName }) => ({ typeName, upstream })));
  const shared = [...Map.groupBy(all, ({ typeName }) => typeName)].filter(([, places]) => places.length > 1);
  return shared.map(([typeName, places]) => {
    const names = places.map(({ upstream }) => upstream.name).join(" and ");
    return `${typeName} is served by upstreams ${names}. Mend: choose one by their services.`;
  });
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("no channel to an upstream");
  return value;
}
