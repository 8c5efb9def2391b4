import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type { Code } from "#gen/google/rpc/code_pb.ts";
import type { DashboardPart, MissingPartSchema } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";

/** What came of the call for a part: one of the two. */
export interface Tried<T> {
  readonly value?: T;
  readonly missing?: MessageInitShape<typeof MissingPartSchema>;
}

/** Waits for a part. A call that fails makes the part missing, not the answer. */
export async function tried<T>(part: DashboardPart, call: Promise<T>): Promise<Tried<T>> {
  try {
    return { value: await call };
  } catch (thrown) {
    const { code, rawMessage } = ConnectError.from(thrown);
    // Both enums hold the codes of gRPC.
    return { missing: { part, code: code as number as Code, reason: rawMessage } };
  }
}
