import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { GetSagaResponse, Move } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import type { Answer } from "./mesh.ts";
import { shortName, table } from "./table.ts";

/** A step and the service that took it. */
export interface ServiceMove {
  readonly service: string;
  readonly move: Move;
}

/** The steps of all services in the order of their times. */
export function inOrder(answers: readonly Answer<Pick<GetSagaResponse, "moves">>[]): ServiceMove[] {
  const all = answers.flatMap(({ service, value }) => value.moves.map((move) => ({ service, move })));
  return all.toSorted((a, b) => msOf(a) - msOf(b) || a.move.version - b.move.version);
}

/** One line a step: when, how long after the one before, who went where, by what, and what it announced. */
export function timeline(moves: readonly ServiceMove[]): string {
  const rows = moves.map((entry, i) => {
    const { service, move } = entry;
    const before = moves[i - 1];
    return [
      ...[new Date(msOf(entry)).toISOString(), before ? `+${delta(msOf(entry) - msOf(before))}` : ""],
      ...[service, `${move.from} → ${move.to}`, causeOf(move), move.announced.map(shortName).join(", ") || "-"],
    ];
  });
  return table(["TIME", "AFTER", "SERVICE", "STEP", "BY", "ANNOUNCES"], rows);
}

/** What made a service take a step, in words. */
export function causeOf({ cause, rpc, eventType }: Move): string {
  // Packages are <system>.<service>.v<n>.
  if (cause === "event") return `${shortName(eventType)} of ${eventType.split(".").slice(0, 2).join(".")}`;
  return `${cause === "effect" ? "call" : cause} ${shortName(rpc)}`;
}

/** Milliseconds since the epoch. */
export function msOf({ move: { time } }: ServiceMove): number {
  return time ? timestampMs(time) : 0;
}

/** A short duration: a saga's steps are milliseconds apart, or hours. */
export function delta(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
