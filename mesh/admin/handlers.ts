import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Contract } from "#mesh/contract";
import type { Database } from "#mesh/db";
import type { Events } from "#mesh/events";
import { implement, type RpcService } from "#mesh/rpc";
import { deadLetterHandlers } from "./dead-letters.ts";
import { outboxStatus } from "./outbox-status.ts";
import { getSaga, listSagas } from "./sagas.ts";

/** What the handlers look into. */
export interface AdminOptions {
  readonly contract: Contract;
  readonly database: Database;
  readonly events: Pick<Events, "deadLetters" | "status">;
}

/** AdminService of one service: its own sagas, dead letters and outbox. */
export function adminHandlers(options: AdminOptions): RpcService {
  return implement(AdminService, {
    listSagas: (request) => listSagas(options, request),
    getSaga: ({ key }) => getSaga(options, key),
    ...deadLetterHandlers(options),
    getOutboxStatus: () => outboxStatus(options),
  });
}
