import { toJson } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { GetOutboxStatusResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Mesh } from "./mesh.ts";
import { span, table, tellAway } from "./table.ts";

const head = ["SERVICE", "UNPUBLISHED", "OLDEST", "PUBLISHES", "BROKER", "WAITING FOR"];

/** `outbox status` */
export async function outboxStatus(mesh: Mesh, { json }: { json?: true }): Promise<void> {
  const { answers, away } = await mesh.ask(({ client, call }) => client.getOutboxStatus({}, call));
  if (json) {
    const all = answers.map(({ service, value }) => ({
      service,
      ...Object(toJson(GetOutboxStatusResponseSchema, value)),
    }));
    console.log(JSON.stringify(all, undefined, 2));
  } else {
    const rows = answers.map(({ service, value }) => [
      ...[service, String(value.unpublished), value.oldestAge ? span(durationMs(value.oldestAge)) : "-"],
      ...[value.publishing ? "yes" : "no", value.connected ? "connected" : "away", value.waitingFor.join(", ") || "-"],
    ]);
    console.log(table(head, rows));
  }
  tellAway(away);
}
