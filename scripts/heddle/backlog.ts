import { toJson } from "@bufbuild/protobuf";
import { type Backlog, ListBacklogsResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Mesh } from "./mesh.ts";
import { ago, table, tellAway } from "./table.ts";

const head = ["SERVICE", "READS FROM", "UNDELIVERED", "IN HAND", "AGAIN", "PARKED", "OLDEST", "DEAD LETTERS"];

/** `events backlog`: how far each service is behind each one whose events it takes in. */
export async function listBacklogs(mesh: Mesh, { json }: { json?: true }): Promise<void> {
  const { answers, away } = await mesh.ask(({ client, call }) => client.listBacklogs({}, call));
  if (json) {
    const all = answers.map(({ service, value }) => ({
      service,
      ...Object(toJson(ListBacklogsResponseSchema, value)),
    }));
    console.log(JSON.stringify(all, undefined, 2));
  } else {
    console.log(
      table(
        head,
        answers.flatMap(({ service, value }) => value.backlogs.map((to) => row(service, to))),
      ),
    );
  }
  tellAway(away);
}

function row(service: string, backlog: Backlog): string[] {
  const { producer, reading, undelivered, unacknowledged, redelivered, parked, oldestParkTime, deadLetters } = backlog;
  const broker = [undelivered, unacknowledged, redelivered].map((count) => (count === undefined ? "?" : String(count)));
  return [
    ...[service, reading ? producer : `${producer} (not now)`, ...broker],
    ...[String(parked), ago(oldestParkTime), String(deadLetters)],
  ];
}
