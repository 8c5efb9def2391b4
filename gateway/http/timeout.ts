import type { IncomingHttpHeaders } from "node:http";
import { badField } from "./edge-error.ts";

/** Longest timer that Node has; a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads how long the client will wait, in milliseconds: the least of Connect-Timeout-Ms, Grpc-Timeout and
 * X-Server-Timeout (seconds, with fraction). Undefined for none; never above 2^31 - 1. Throws 400 for a malformed one.
 */
export function readTimeout(headers: IncomingHttpHeaders): number | undefined {
  const asked = [
    read(headers, "connect-timeout-ms", /^\d{1,10}$/, Number),
    read(headers, "grpc-timeout", /^\d{1,8}[HMSmun]$/, readGrpcTimeout),
    read(headers, "x-server-timeout", /^\d{1,10}(?:\.\d{1,9})?$/, (text) => Number(text) * 1_000),
  ].filter((ms) => ms !== undefined);
  return asked.length === 0 ? undefined : Math.min(...asked, longestMs);
}

function readGrpcTimeout(text: string): number {
  return Number(text.slice(0, -1)) * (grpcUnits[text.slice(-1)] ?? 1);
}

function read(
  headers: IncomingHttpHeaders,
  name: string,
  pattern: RegExp,
  toMs: (text: string) => number,
): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !pattern.test(text)) throw badField("header", name, `"${text}" is not a timeout`);
  return toMs(text);
}
