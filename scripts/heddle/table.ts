import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Absence } from "./mesh.ts";

/** Lines of a table whose columns are as wide as they need to be. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ");
  return all.map((row) => line(row).trimEnd()).join("\n");
}

/** A time as people compare it: UTC, to the second. */
export function when(time: Timestamp | undefined): string {
  return time ? `${timestampDate(time).toISOString().slice(0, 19)}Z` : "-";
}

/** How long ago a time was, in its largest unit. */
export function ago(time: Timestamp | undefined, now = Date.now()): string {
  return time ? span(now - timestampDate(time).getTime()) : "-";
}

/** A duration in its largest unit. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** The last part of a full name. */
export function shortName(name: string): string {
  return name.split(/[./]/).at(-1) || "-";
}

/** Tells on stderr who gave no answer, so that what is shown is not taken for all. */
export function tellAway(away: readonly Absence[]): void {
  for (const { service, error } of away) console.error(`${service} gave no answer: ${error}`);
  if (away.length > 0) process.exitCode = 1;
}
