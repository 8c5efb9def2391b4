import { readFileSync } from "node:fs";

/** The kernel counts in hundredths of a second, whatever the machine (proc_pid_stat(5), sysconf(_SC_CLK_TCK)). */
const TICK_MS = 10;
/** Places of utime and stime after the name of the program, which may hold spaces. */
const [USER, SYSTEM] = [11, 12];

/** Processor time that a process has taken so far with all its threads, in milliseconds; NaN where the system is not Linux. */
export function processorMs(pid: number): number {
  if (process.platform !== "linux") return Number.NaN;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER]) + Number(fields[SYSTEM])) * TICK_MS;
}
