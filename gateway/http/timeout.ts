import type { IncomingHttpHeaders } from "node:http";
import { badField } from "./edge-error.ts";

/** Longest timer that Node has; a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

const patterns = {
  "connect-timeout-ms": /^\d{1,10}$/,
  "grpc-timeout": /^\d{1,8}[HMSmun]$/,
  "x-server-timeout": /^\d{1,10}(?:\.\d{1,9})?$/,
};

/**
 * Reads how long the client will wait, in milliseconds: the least of Connect-Timeout-Ms, Grpc-Timeout and
 * X-Server-Timeout (seconds, with fraction). Undefined for none; never above 2^31 - 1. Throws 400 for a malformed one.
 */
export function readTimeout(headers: IncomingHttpHeaders): number | undefined {
  const least = Math.min(
    read(headers, "connect-timeout-ms", Number),
    read(headers, "grpc-timeout", readGrpcTimeout),
    read(headers, "x-server-timeout", readSeconds),
  );
  return least === Number.POSITIVE_INFINITY ? undefined : Math.min(least, longestMs);
}

function readSeconds(text: string): number {
  return Number(text) * 1_000;
}

function readGrpcTimeout(text: string): number {
  return Number(text.slice(0, -1)) * (grpcUnits[text.slice(-1)] ?? 1);
}

/** Infinity for none. */
function read(headers: IncomingHttpHeaders, name: keyof typeof patterns, toMs: (text: string) => number): number {
  const text = headers[name];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (typeof text !== "string" || !patterns[name].test(text)) {
    throw badField("header", name, `"${text}" is not a timeout`);
  }
  return toMs(text);
}
