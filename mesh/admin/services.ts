import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  DiscoveryService,
  type InstanceSchema,
  InstanceState,
  type ServiceSchema,
} from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import type { KnownInstance, Registry } from "#mesh/discovery";
import { implement, type RpcService } from "#mesh/rpc";

/** DiscoveryService of one process: what its view of the registry says. */
export function discoveryHandlers(registry: Pick<Registry, "instances" | "following" | "onChange">): RpcService {
  const now = () => ({ services: servicesOf(registry.instances()), current: registry.following });
  return implement(DiscoveryService, {
    listServices: async () => now(),
    async *watchServices(_request, { signal }) {
      let changed = Promise.withResolvers<void>();
      const end = registry.onChange(() => changed.resolve());
      signal.addEventListener("abort", () => changed.resolve(), { once: true });
      try {
        while (!signal.aborted) {
          changed = Promise.withResolvers<void>();
          yield now();
          await changed.promise;
        }
      } finally {
        end();
      }
    },
  });
}

function servicesOf(known: readonly KnownInstance[]): MessageInitShape<typeof ServiceSchema>[] {
  const byService = Map.groupBy(known, ({ instance }) => instance.service);
  return [...byService]
    .map(([name, ofService]) => ({ name, instances: ofService.toSorted(byAddress).map(toMessage) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function byAddress({ instance: a }: KnownInstance, { instance: b }: KnownInstance): number {
  return a.address < b.address ? -1 : 1;
}

function toMessage({ instance, heardMsAgo }: KnownInstance): MessageInitShape<typeof InstanceSchema> {
  const { service: _name, state, load, ...said } = instance;
  return {
    ...said,
    ...(load !== undefined && { load }),
    state: state === "draining" ? InstanceState.DRAINING : InstanceState.SERVING,
    heartbeatAge: durationFromMs(Math.round(heardMsAgo)),
  };
}
