import { randomBytes } from "node:crypto";

// One system call for many ids: ids are made several times in each call that is served.
const POOL_BYTES = 4096;
let pool = "";
let used = 0;

/** `byteCount` random bytes (at most 32) from the system's secure source, as lower-case hexadecimal digits. */
export function randomHex(byteCount: number): string {
  const digits = 2 * byteCount;
  if (used + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString("hex");
    used = 0;
  }
  used += digits;
  return pool.slice(used - digits, used);
}
