import { setTimeout } from "node:timers/promises";
import { toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type TailedEvent, TailedEventSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Admin, Mesh } from "./mesh.ts";
import { ago, shortName, tellAway, when } from "./table.ts";

/** Which events are followed. */
export interface TailOptions {
  readonly service?: string;
  readonly type?: string;
  readonly key?: string;
  /** Position in the stream, or a time. */
  readonly from?: number | Date;
  readonly json?: true;
}

type From = { case: "sequence"; value: bigint } | { case: "time"; value: Timestamp } | { case: undefined };

/** How long a service that ended the tail is left alone, in milliseconds: it stops, or the call had its time. */
const pauseMs = 500;

/** `events tail`: prints events as they are published, until `signal` aborts. */
export async function tailEvents(mesh: Mesh, options: TailOptions, signal: AbortSignal): Promise<void> {
  const admins = options.service ? [mesh.admin(options.service)] : mesh.admins;
  const results = await Promise.allSettled(admins.map((admin) => follow(admin, options, signal)));
  const away = results.flatMap((result, i) =>
    result.status === "rejected"
      ? [{ service: admins[i]?.service ?? "", error: ConnectError.from(result.reason).message }]
      : [],
  );
  tellAway(away);
}

/** Asks again where the last call ended: no call lasts for ever. Throws when the service gives no answer. */
async function follow(admin: Admin, options: TailOptions, signal: AbortSignal): Promise<void> {
  let from = fromOf(options.from);
  while (!signal.aborted) {
    const { type = "", key = "" } = options;
    try {
      for await (const answer of admin.client.tailEvents({ type, key, from }, { ...admin.call, signal })) {
        if (answer.event) console.log(line(admin.service, answer.event, options));
        from = { case: "sequence", value: answer.nextSequence };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (ConnectError.from(error).code !== Code.DeadlineExceeded) throw error;
    }
    await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

function fromOf(from: TailOptions["from"]): From {
  if (from === undefined) return { case: undefined };
  if (typeof from === "number") return { case: "sequence", value: BigInt(from) };
  return { case: "time", value: timestampFromDate(from) };
}

function line(service: string, event: TailedEvent, { json }: TailOptions): string {
  if (json) return JSON.stringify({ service, ...Object(toJson(TailedEventSchema, event)) });
  const { sequence, type, key, aggregateVersion, time } = event;
  return `${when(time)}  ${service}#${sequence}  ${shortName(type)}  ${key}  v${aggregateVersion}  ${ago(time)}`;
}
