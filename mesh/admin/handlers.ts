import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import type { Database } from "#mesh/db";
import type { Events } from "#mesh/events";
import { implement, type RpcService } from "#mesh/rpc";
import { listBacklogs } from "./backlogs.ts";
import { deadLetterHandlers } from "./dead-letters.ts";
import { outboxStatus } from "./outbox-status.ts";
import { getSaga, listSagas } from "./sagas.ts";
import { tailEvents } from "./tail-events.ts";

/** What the handlers look into. */
export interface AdminOptions {
  readonly contract: Contract;
  readonly database: Database;
  readonly events: Pick<Events, "backlogs" | "deadLetters" | "status">;
  /** Aborted when the service stops: ends what would go on for long. */
  readonly stopping: AbortSignal;
}

/** AdminService of one service: its own sagas, dead letters and outbox. */
export function adminHandlers(options: AdminOptions): RpcService {
  return implement(AdminService, {
    listSagas: (request) => listSagas(options, request),
    getSaga: ({ key }) => getSaga(options, key),
    ...deadLetterHandlers(options),
    tailEvents: (request, context) => tailEvents(options, request, context.signal),
    listBacklogs: () => listBacklogs(options),
    getOutboxStatus: () => outboxStatus(options),
  });
}
