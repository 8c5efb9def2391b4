import { toJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  DiscoveryService,
  type Instance,
  InstanceState,
  type ListServicesResponse,
  ListServicesResponseSchema,
  type WatchServicesResponse,
} from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import type { Mesh } from "./mesh.ts";
import { table } from "./table.ts";

const head = ["SERVICE", "ADDRESS", "STATE", "VERSION", "ZONE", "WEIGHT", "LOAD", "HEARD", "CONTRACTS", "INSTANCE"];

/** `services list`: who has registered, as the first service says that answers. */
export async function listServices(mesh: Mesh, options: { json?: true }): Promise<void> {
  const answer = await mesh.askAnybody(DiscoveryService, (client, call) => client.listServices({}, call));
  console.log(options.json ? JSON.stringify(toJson(ListServicesResponseSchema, answer), null, 2) : draw(answer));
}

/** `services watch`: the same again after each change, until the command is ended. */
export async function watchServices(mesh: Mesh): Promise<void> {
  let last = "";
  await mesh.askAnybody(DiscoveryService, async (client, call) => {
    for (;;) {
      try {
        for await (const answer of client.watchServices({}, call)) {
          const rows = signature(answer);
          if (rows !== last) console.log(`${new Date().toISOString()}\n${draw(answer)}\n`);
          last = rows;
        }
      } catch (error) {
        // A watch lasts as long as its deadline: it is only taken up again.
        if (ConnectError.from(error).code !== Code.DeadlineExceeded) throw error;
      }
    }
  });
}

type Registered = Pick<ListServicesResponse | WatchServicesResponse, "services" | "current">;

function draw({ services, current }: Registered): string {
  const rows = services.flatMap(({ name, instances }) => instances.map((instance) => [name, ...row(instance)]));
  const drawn = table(head, rows);
  return current ? drawn : `${drawn}\nthe broker is away: this is what was known last`;
}

function row(instance: Instance): string[] {
  const { address, state, version, zone, weight, load, heartbeatAge, schemaHash, id } = instance;
  return [
    address,
    state === InstanceState.DRAINING ? "draining" : "serving",
    version || "-",
    zone || "-",
    String(weight),
    load === undefined ? "-" : `${Math.round(load * 100)} %`,
    heartbeatAge ? `${(durationMs(heartbeatAge) / 1_000).toFixed(1)} s ago` : "-",
    schemaHash.slice(0, 8),
    id,
  ];
}

/** What of an answer is worth showing again: not how busy everybody is at the moment. */
function signature({ services, current }: Registered): string {
  const instances = services.flatMap((service) => service.instances);
  return JSON.stringify([current, instances.map(({ id, address, state, version }) => [id, address, state, version])]);
}
