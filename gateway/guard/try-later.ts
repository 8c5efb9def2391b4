import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";

const retryMs = 1_000;

/** An error that says when to try again, by RetryInfo and so by Retry-After: in a second. */
export function tryLater(message: string, code: Code): ConnectError {
  const error = new ConnectError(message, code);
  const retryDelay = durationFromMs(retryMs);
  error.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  return error;
}
