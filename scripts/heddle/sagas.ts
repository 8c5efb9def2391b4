import { toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GetSagaResponse,
  GetSagaResponseSchema,
  ListSagasResponseSchema,
  type Participant,
} from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { CommandFault } from "./command-fault.ts";
import type { Answer, Answers, Mesh } from "./mesh.ts";
import { ago, shortName, table, tellAway, when } from "./table.ts";
import { inOrder, timeline } from "./timeline.ts";
import { type Part, why } from "./why.ts";

/** Which participants are listed. */
export interface SagaListOptions {
  readonly saga?: string;
  readonly state?: string;
  readonly open?: true;
  readonly olderThan?: number;
  readonly limit: number;
  readonly json?: true;
}

const head = ["SERVICE", "STATE", "SINCE", "AGO", "STEPS", "MOVED BY"];

/** `sagas list` */
export async function listSagas(mesh: Mesh, options: SagaListOptions): Promise<void> {
  const { saga = "", state = "", open = false, olderThan, limit, json } = options;
  const filter = { saga, state, openOnly: open, pageSize: limit };
  const request = { ...filter, ...(olderThan !== undefined && { olderThan: durationFromMs(olderThan) }) };
  const { answers, away } = await mesh.ask(({ client, call }) => client.listSagas(request, call));
  if (json) {
    print(answers.map(({ service, value }) => ({ service, ...Object(toJson(ListSagasResponseSchema, value)) })));
  } else {
    const rows = answers.flatMap(({ service, value }) =>
      value.participants.map((part) => [part.key, ...participantRow(service, part)]),
    );
    console.log(table(["KEY", ...head], rows));
    for (const { service, value } of answers) {
      if (value.nextPageToken) console.log(`${service} has more than ${limit}: narrow the list or raise --limit`);
    }
  }
  tellAway(away);
}

/** `sagas show <key>`: all steps in the order of time, where each participant stands, and what it waits for. */
export async function showSaga(mesh: Mesh, key: string, options: { json?: true }): Promise<void> {
  const { answers, away } = await parts(mesh, key);
  if (options.json) {
    print(answers.map(({ service, value }) => ({ service, ...Object(toJson(GetSagaResponseSchema, value)) })));
  } else {
    const rows = answers.map(({ service, value: { participant } }) =>
      participant ? participantRow(service, participant) : [service],
    );
    const moves = inOrder(answers);
    if (moves.length > 0) console.log(`${timeline(moves)}\n`);
    console.log([table(head, rows), ...answers.flatMap(waitLines)].join("\n"));
  }
  tellAway(away);
}

/** `sagas why <key>` */
export async function whySaga(mesh: Mesh, key: string): Promise<void> {
  const { answers, away } = await parts(mesh, key);
  const said = why(
    key,
    answers.map(({ service, value }): Part => ({ service, ...value })),
  );
  const silent = away.map(({ service }) => service).join(", ");
  console.log(silent ? `Without ${silent}, which gave no answer: ${said}` : said);
  tellAway(away);
}

async function parts(mesh: Mesh, key: string): Promise<Answers<GetSagaResponse>> {
  const { answers, away } = await mesh.ask(({ client, call }) => client.getSaga({ key }, call));
  if (answers.length === 0 && away.length === 0) throw new CommandFault(`no service knows a saga of ${key}`);
  const time = ({ value }: Answer<GetSagaResponse>) => value.participant?.updateTime?.seconds ?? 0n;
  const nanos = ({ value }: Answer<GetSagaResponse>) => value.participant?.updateTime?.nanos ?? 0;
  return { answers: answers.toSorted((a, b) => Number(time(a) - time(b)) || nanos(a) - nanos(b)), away };
}

function participantRow(service: string, part: Participant): string[] {
  const state = part.final ? `${part.state} (final)` : part.state;
  return [service, state, when(part.updateTime), ago(part.updateTime), String(part.version), shortName(part.movedBy)];
}

function waitLines({ service, value }: Answer<GetSagaResponse>): string[] {
  const { participant } = value;
  const rests = [value.timers, value.effects, value.parked, value.deadLetters].every((waits) => waits.length === 0);
  const failed = (error: string) => (error ? `; last error: ${error}` : "");
  return [
    ...(rests && participant && !participant.final
      ? [`waits since ${when(participant.updateTime)} for an event of another service`]
      : []),
    ...value.timers.map((timer) => `timer ${timer.name} fires at ${when(timer.dueTime)}${failed(timer.error)}`),
    ...value.effects.map(
      ({ name, status, attempts, createTime, error }) =>
        `call ${name} is ${status} since ${when(createTime)}, ${attempts} attempts${failed(error)}`,
    ),
    ...value.parked.map(
      ({ type, waitingFor, parkTime }) => `${shortName(type)} waits since ${when(parkTime)} for ${waitingFor}`,
    ),
    ...value.deadLetters.map(({ id, type, state, firstSeenTime, lastSeenTime, error }) =>
      state === "retrying"
        ? `${shortName(type)} is tried again and again since ${when(firstSeenTime)}, ${service}/${id}: ${error}`
        : `${shortName(type)} is dead letter ${service}/${id} since ${when(lastSeenTime)}: ${error}`,
    ),
  ].map((line) => `${service}: ${line}`);
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}
