import { toJson } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetterOutcome, GetDeadLetterResponse } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { GetDeadLetterResponseSchema, ListDeadLettersResponseSchema } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { CommandFault } from "./command-fault.ts";
import type { Admin, Mesh } from "./mesh.ts";
import { createProgress } from "./progress.ts";
import { shortName, table, tellAway, when } from "./table.ts";

/** Which dead letters are meant. */
export interface LetterFilter {
  readonly type?: string;
  readonly key?: string;
  readonly error?: string;
  readonly since?: Date;
}

/** What is done with which letters. */
export interface ActOptions extends LetterFilter {
  readonly all?: true;
  readonly dryRun?: true;
  readonly reason: string;
}

/** Most letters of one service that a command acts on. */
const most = 1_000;
/** Letters of one call. */
const batchSize = 20;

/** `dead-letters list` */
export async function listLetters(mesh: Mesh, options: LetterFilter & { limit: number; json?: true }): Promise<void> {
  const { limit } = options;
  const filter = filterOf(options);
  const { answers, away } = await mesh.ask(({ client, call }) => client.listDeadLetters({ filter, limit }, call));
  if (options.json) {
    const all = answers.map(({ service, value }) => ({
      service,
      ...Object(toJson(ListDeadLettersResponseSchema, value)),
    }));
    console.log(JSON.stringify(all, undefined, 2));
  } else {
    const groups = answers.flatMap(({ service, value }) =>
      value.groups.map((group) => [service, String(group.count), shortName(group.type), group.errorHash, group.error]),
    );
    const letters = answers.flatMap(({ service, value }) =>
      value.deadLetters.map(({ id, type, key, state, deliveries, firstSeenTime, lastSeenTime }) => [
        ...[`${service}/${id}`, shortName(type), key, state, String(deliveries)],
        ...[when(firstSeenTime), when(lastSeenTime)],
      ]),
    );
    if (letters.length === 0) console.log("no dead letters");
    else {
      console.log(table(["SERVICE", "COUNT", "EVENT", "HASH", "ERROR"], groups));
      console.log(`\n${table(["LETTER", "EVENT", "KEY", "STATE", "DELIVERIES", "SINCE", "LAST SEEN"], letters)}`);
    }
  }
  tellAway(away);
}

/** `dead-letters show <service>/<id>` */
export async function showLetter(mesh: Mesh, letter: string, options: { json?: true }): Promise<void> {
  const { service, id } = parseLetter(letter);
  const { client, call } = mesh.admin(service);
  const found = await client.getDeadLetter({ id }, call);
  if (options.json) console.log(JSON.stringify(toJson(GetDeadLetterResponseSchema, found), undefined, 2));
  else console.log(describe(letter, found));
}

/** `dead-letters replay` and `dead-letters discard` */
export async function actOnLetters(
  mesh: Mesh,
  act: "replay" | "discard",
  letters: readonly string[],
  options: ActOptions,
): Promise<void> {
  requireChoice(letters, options);
  if (letters.length > 0) {
    for (const [service, ids] of byService(letters)) await actOnIds(mesh.admin(service), act, ids, options);
    return;
  }
  const filter = filterOf(options);
  const { answers, away } = await mesh.ask(({ client, call }) => client.listDeadLetters({ filter, limit: most }, call));
  for (const { service, value } of answers) {
    const ids = value.deadLetters.map(({ id }) => id);
    await actOnIds(mesh.admin(service), act, ids, options);
    if (ids.length === most) console.log(`${service} may have more than ${most}: run the command again`);
  }
  if (answers.every(({ value }) => value.deadLetters.length === 0)) console.log("no dead letters are meant");
  tellAway(away);
}

/** In batches, each a call of its own: what was done is told while the rest goes on. */
async function actOnIds(
  { service, client, call }: Admin,
  act: "replay" | "discard",
  ids: readonly bigint[],
  { dryRun, reason }: ActOptions,
): Promise<void> {
  // The oldest first: the events of one key follow one another.
  const inOrder = ids.toSorted((a, b) => Number(a - b));
  const progress = createProgress(ids.length, batchSize);
  for (let next = 0; next < inOrder.length; next += batchSize) {
    const request = { ids: inOrder.slice(next, next + batchSize), dryRun: dryRun ?? false, reason };
    const asked = act === "replay" ? client.replayDeadLetters(request, call) : client.discardDeadLetters(request, call);
    const { outcomes } = await asked;
    progress.clear();
    tellOutcomes(service, outcomes);
    progress.advance(request.ids.length);
  }
  progress.clear();
}

/** Nobody should replay or discard everything by leaving something out. */
function requireChoice(letters: readonly string[], options: ActOptions): void {
  const { type, key, error, since, all } = options;
  const filtered = [type, key, error, since].some((value) => value !== undefined);
  if (letters.length > 0 && (filtered || all)) throw new CommandFault("name letters or give a filter, not both");
  if (letters.length === 0 && !filtered && !all) {
    throw new CommandFault("name letters such as shop.order/7, or give --type, --key, --error, --since or --all");
  }
}

function tellOutcomes(service: string, outcomes: readonly DeadLetterOutcome[]): void {
  for (const { id, outcome, error } of outcomes) {
    console.log(`${service}/${id}  ${outcome}${error ? `: ${error.split("\n", 1)[0]}` : ""}`);
  }
  if (outcomes.some(({ outcome }) => outcome === "failed" || outcome === "not open")) process.exitCode = 1;
}

function filterOf({ type = "", key = "", error: errorHash = "", since }: LetterFilter) {
  return { type, key, errorHash, ...(since && { since: timestampFromDate(since) }) };
}

function byService(letters: readonly string[]): Map<string, bigint[]> {
  const ids = new Map<string, bigint[]>();
  for (const { service, id } of letters.map(parseLetter)) ids.set(service, [...(ids.get(service) ?? []), id]);
  return ids;
}

function parseLetter(letter: string): { service: string; id: bigint } {
  const [, service, id] = /^([a-z0-9_.]+)\/(\d{1,18})$/.exec(letter) ?? [];
  if (!service || !id) throw new CommandFault(`"${letter}" names no letter: write <service>/<id>, as the list does`);
  return { service, id: BigInt(id) };
}

function describe(name: string, { deadLetter, ...rest }: GetDeadLetterResponse): string {
  const audit = rest.audit.map(({ time, action, who, reason }) => `${when(time)} ${action} by ${who}: ${reason}`);
  const lines = [
    ["letter", `${name} (${deadLetter?.state})`],
    ["event", `${deadLetter?.type} ${deadLetter?.eventId}`],
    ["key", deadLetter?.key ?? ""],
    ["deliveries", `${deadLetter?.deliveries}, last at ${when(deadLetter?.lastSeenTime)}`],
    ["trace", rest.traceId],
    ["payload", rest.payloadJson || "(cannot be read)"],
    ...Object.entries(rest.headers).map(([header, value]) => [`header ${header}`, value]),
    ...audit.map((entry) => ["audit", entry]),
  ];
  return `${lines.map(([label = "", value]) => `${label.padEnd(12)} ${value}`).join("\n")}\n\n${rest.stack}`;
}
