import { readFileSync } from "node:fs";

/** Resident memory of a process in megabytes (10^6 bytes), as Linux counts it. */
export function residentMegabytes(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, "utf8");
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (!kibibytes) throw new Error(`process ${processId} shows no resident memory`);
  return (Number(kibibytes) * 1024) / 1e6;
}
