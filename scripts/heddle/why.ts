import type { GetSagaResponse } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { ago, shortName, when } from "./table.ts";
import { causeOf, delta, inOrder, msOf } from "./timeline.ts";

/** What one service says of a saga. */
export type Part = { readonly service: string } & Pick<
  GetSagaResponse,
  "participant" | "timers" | "effects" | "parked" | "deadLetters" | "moves"
>;

/** Where a saga stands and what it waits for since when, in a sentence or two. */
export function why(key: string, parts: readonly Part[]): string {
  if (parts.length === 0) return `Nothing is known of ${key} at the services that answered.`;
  const states = parts.map(({ service, participant }) => `${service} ${participant?.state ?? "NONE"}`).join(", ");
  const blocked = parts.flatMap((part) => obstacle(part) ?? []);
  if (blocked.length > 0) return `${key} stands at ${states}. ${blocked.join(" ")}`;
  const open = parts.filter(({ participant }) => !participant?.final);
  if (open.length === 0) return `${key} has come to its end: ${states}.${courseOf(parts)} Nothing is waited for.`;
  return `${key} stands at ${states}. ${open.map(nextEvent).join(" ")}`;
}

/** What keeps a participant from moving on, the worst first. */
function obstacle({ service, deadLetters, effects, parked }: Part): string | undefined {
  const [letter] = deadLetters;
  if (letter) {
    const { id, type, state, firstSeenTime, lastSeenTime, error } = letter;
    if (state === "retrying") {
      const since = `since ${when(firstSeenTime)} (${ago(firstSeenTime)})`;
      return `${service} tries ${shortName(type)} again and again ${since}, ${service}/${id}: ${error}.`;
    }
    const since = `since ${when(lastSeenTime)} (${ago(lastSeenTime)})`;
    return `${service} waits ${since} for somebody to mend dead letter ${service}/${id}, ${shortName(type)}: ${error}.`;
  }
  const effect = effects.find(({ status }) => status === "failed") ?? effects[0];
  if (effect) {
    const { name, status, attempts, createTime, error } = effect;
    const because = error ? `, last error: ${error}` : "";
    const since = `since ${when(createTime)} (${ago(createTime)})`;
    return `${service} waits ${since} for its call ${name} (${status}, attempts: ${attempts}${because}).`;
  }
  const [event] = parked;
  if (!event) return undefined;
  const since = `since ${when(event.parkTime)} (${ago(event.parkTime)})`;
  return `At ${service} ${shortName(event.type)} waits ${since} for ${event.waitingFor}.`;
}

/** How the saga came to its end, where the history still knows. */
function courseOf(parts: readonly Part[]): string {
  const moves = inOrder(parts.map((value) => ({ service: value.service, value })));
  const [first, last] = [moves[0], moves.at(-1)];
  if (!first || !last) return "";
  const took = delta(msOf(last) - msOf(first));
  return ` It took ${moves.length} steps in ${took}, from ${causeOf(first.move)} to ${causeOf(last.move)} at ${last.service}.`;
}

function nextEvent({ service, participant, moves, timers: [timer] }: Part): string {
  const last = moves.at(-1);
  const after = last ? `, after ${causeOf(last)}` : "";
  const since = `since ${when(participant?.updateTime)} (${ago(participant?.updateTime)})`;
  const until = timer ? `, until its timer ${timer.name} fires at ${when(timer.dueTime)}` : "";
  return `${service} waits ${since} for an event of another service${after}${until}.`;
}
