import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListBacklogsResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { AdminOptions } from "./handlers.ts";
import { timestampOf } from "./times.ts";

/** How far the service is behind each of its producers. */
export async function listBacklogs({
  events,
}: Pick<AdminOptions, "events">): Promise<MessageInitShape<typeof ListBacklogsResponseSchema>> {
  const backlogs = await events.backlogs();
  return {
    backlogs: backlogs.map(({ producer, delivery, parked, oldestParked, deadLetters }) => {
      const oldestParkTime = timestampOf(oldestParked);
      return {
        ...{ producer, reading: delivery !== undefined, parked: BigInt(parked), deadLetters: BigInt(deadLetters) },
        ...(delivery && {
          undelivered: BigInt(delivery.undelivered),
          unacknowledged: BigInt(delivery.unacknowledged),
          redelivered: BigInt(delivery.redelivered),
        }),
        ...(oldestParkTime && { oldestParkTime }),
      };
    }),
  };
}
