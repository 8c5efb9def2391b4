const LARGEST = 99_999_999;
const UNITS = [
  ["m", 1],
  ["S", 1_000],
  ["M", 60_000],
  ["H", 3_600_000],
] as const;

/**
 * A duration in milliseconds as grpc-timeout: at most eight digits and the finest unit that they suffice for
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout"). Parts of a unit are rounded up.
 */
export function formatTimeout(durationMs: number): string {
  for (const [unit, lengthMs] of UNITS) {
    const value = Math.ceil(durationMs / lengthMs);
    if (value <= LARGEST) return `${Math.max(value, 1)}${unit}`;
  }
  return `${LARGEST}H`;
}
