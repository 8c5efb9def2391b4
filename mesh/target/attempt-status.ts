import { Code } from "#gen/google/rpc/code_pb.ts";
import type { CallStatus, ReceivedMetadata, SentMetadata } from "#mesh/channel";
import { type Failure, type Outcome, type Progress, parsePushback } from "#mesh/resilience";

/** A status with the header that came before it, where one did. */
export interface FailedStatus extends CallStatus {
  readonly header?: ReceivedMetadata | undefined;
}

const codes = new Set<number>(Object.values(Code));

/** What a status other than OK means for the call. */
export function failureOf(status: FailedStatus, progress: Progress): Failure {
  const { code, message, trailer } = status;
  const pushbackMs = parsePushback(firstOf(trailer["grpc-retry-pushback-ms"]));
  return { ok: false, code: isCode(code) ? code : Code.UNKNOWN, message, progress, pushbackMs, error: status };
}

/** The status code of an outcome. */
export function codeOf(outcome: Outcome<unknown>): Code {
  return outcome.ok ? Code.OK : outcome.code;
}

/** The status of a failed call: the server's own where there is one. */
export function statusOf({ code, message, error }: Failure): FailedStatus {
  return isStatus(error) ? error : { code, message, trailer: {} };
}

/** Says how many attempts came before (gRFC A6, "Exposed Retry Metadata"). */
export function withAttempts(metadata: SentMetadata, number: number): SentMetadata {
  return number === 1 ? metadata : [...metadata, "grpc-previous-rpc-attempts", String(number - 1)];
}

function isCode(code: number): code is Code {
  return codes.has(code);
}

function isStatus(error: unknown): error is FailedStatus {
  return typeof error === "object" && error !== null && "trailer" in error;
}

function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "object" ? value[0] : value;
}
