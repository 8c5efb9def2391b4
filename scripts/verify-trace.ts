import { readFileSync } from "node:fs";
import { z } from "zod";
import { buildModel, createCheckTrace, type RecordedMove, type System, type TraceVerdict } from "#mesh/verify";

const move = z.object({
  version: z.int(),
  from: z.string(),
  to: z.string(),
  rpc: z.string(),
  eventId: z.string().optional(),
  eventType: z.string().optional(),
  announced: z.array(z.string()).default([]),
  time: z.coerce.date(),
});

/** What `npm run heddle -- sagas show <key> --json` prints. A service that has not moved lists no moves. */
const trace = z.array(
  z.object({
    service: z.string(),
    participant: z.object({ saga: z.string(), key: z.string() }),
    moves: z.array(move).default([]),
  }),
);

/**
 * Holds the moves of one saga instance, as the command line prints them, against the model, and prints what it says.
 * Returns the exit code: 0 for a path to a legal end, 1 for no path, 2 for one that has not come to its end.
 * Throws a RangeError for a file that holds no such moves, or a saga that no contract declares.
 */
export function checkTraceFile(file: string, { sagas, contracts }: System): number {
  const moves = readTrace(file);
  const name = moves[0]?.saga ?? "";
  const saga = sagas.find((declared) => declared.name === name);
  if (!saga)
    throw new RangeError(`${file} holds no move of a saga that is declared: ${sagas.map((each) => each.name)}`);
  const verdict = createCheckTrace(buildModel(saga, contracts))(moves);
  for (const line of linesOf(verdict, `${name}/${moves[0]?.key}: ${moves.length} moves`)) console.log(line);
  return { complete: 0, refused: 1, partial: 2 }[verdict.outcome];
}

function readTrace(file: string): RecordedMove[] {
  const parsed = trace.safeParse(readJson(file));
  if (!parsed.success) throw new RangeError(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.flatMap(({ service, participant: { saga, key }, moves }) =>
    moves.map(({ time, ...recorded }) => ({ ...recorded, service, saga, key, at: time })),
  );
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new RangeError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function linesOf(verdict: TraceVerdict, title: string): string[] {
  switch (verdict.outcome) {
    case "complete":
      return [`✓ ${title}, a path of the model to a legal end`];
    case "partial":
      return [`? ${title}, a path of the model that is not at its end`, ...verdict.missing.map((each) => `  ${each}`)];
    case "refused": {
      const { kind, problem, move: recorded } = verdict.fault;
      const { service, version, from, to, rpc, at } = recorded;
      const which = `step ${version} of ${service}, ${from} → ${to} by ${rpc}, ${at.toISOString()}`;
      return [`✗ ${title}, no path of the model`, `  ${kind}: ${problem}`, `  at ${which}`];
    }
  }
}
