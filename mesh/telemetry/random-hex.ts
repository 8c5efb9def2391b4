import { randomFillSync } from "node:crypto";

// One system call for many ids: ids are made several times in each call that is served.
const pool = Buffer.alloc(4096);
let used = pool.length;

/** `byteCount` random bytes (at most 32) from the system's secure source, as lower-case hexadecimal digits. */
export function randomHex(byteCount: number): string {
  if (used + byteCount > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += byteCount;
  return pool.toString("hex", used - byteCount, used);
}
