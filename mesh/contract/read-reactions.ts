import { type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { policy } from "#gen/heddle/v1/policy_pb.ts";
import {
  EffectDueSchema,
  effect as effectOption,
  on as onOption,
  TimerFiredSchema,
  timer as timerOption,
} from "#gen/heddle/v1/saga_pb.ts";
import type {
  EffectContract,
  EventReactionContract,
  MoveContract,
  ParticipantContract,
  ReactionsContract,
  TimerContract,
} from "./contract.ts";
import type { EventIndex } from "./event-index.ts";
import type { Faults } from "./faults.ts";
import { readDuration } from "./read-duration.ts";
import { eventContract } from "./read-event.ts";
import { readMoves, readStates } from "./read-moves.ts";
import { checkResults, readResults } from "./read-results.ts";

const effectDeadline = { option: "deadline", defaultMs: 10_000, maxMs: 300_000 };
const timerBounds = { option: "after", defaultMs: 0, maxMs: 2 ** 31 * 1000 };

interface Surroundings {
  readonly events: EventIndex;
  readonly participant: ParticipantContract | undefined;
  readonly faults: Faults;
}

/** Reads what a service of reactions does when events arrive, timers fire and effects are due. */
export function readReactions(service: DescService, around: Surroundings): ReactionsContract {
  const read = service.methods.map((method) => readReaction(method, around));
  const reactions = {
    service,
    events: read.flatMap(({ event }) => event ?? []),
    timers: read.flatMap(({ timer }) => timer ?? []),
    effects: read.flatMap(({ effect }) => effect ?? []),
  };
  reportDoubles(reactions, around.faults);
  return reactions;
}

/** Lists every move that a service declares by reaction, timer and effect. */
export function movesOf({ events, timers, effects }: ReactionsContract): MoveContract[] {
  return [...events, ...timers, ...effects].flatMap(({ moves }) => moves);
}

function readReaction(
  method: DescMethod,
  around: Surroundings,
): { event?: EventReactionContract; timer?: TimerContract; effect?: EffectContract } {
  const { faults } = around;
  const kinds = [hasOption(method, onOption), hasOption(method, timerOption), hasOption(method, effectOption)];
  if (kinds.filter(Boolean).length !== 1) {
    faults.add(method, "a reaction has exactly one cause", "give it one of (heddle.v1.on), .timer and .effect");
    return {};
  }
  if (method.methodKind !== "unary") faults.add(method, "a reaction cannot stream", "drop the word stream");
  if (hasOption(method, policy)) faults.add(method, "nobody calls a reaction, so it has no policy", "drop the policy");
  const [isEvent, isTimer] = kinds;
  if (isEvent) return { event: readEventReaction(method, around) };
  return isTimer ? { timer: readTimer(method, around) } : { effect: readEffect(method, around) };
}

function readEventReaction(method: DescMethod, around: Surroundings): EventReactionContract | undefined {
  const event = eventContract(method.input);
  if (!event) {
    around.faults.add(method, `${method.input.typeName} is no event`, "give the message option (heddle.v1.event)");
    return undefined;
  }
  const option = getOption(method, onOption);
  if (option.saga) around.faults.add(method, "a reaction's saga is that of its service", "drop saga");
  const states = readReceptions(method, option, around);
  const results = readResults(method, around.events, around.faults);
  checkResults({ method, moves: states.moves, results, fanOut: option.fanOut }, around.faults);
  if (option.critical && states.moves.length === 0) {
    around.faults.add(method, "a delivery that moves nothing is not critical", "drop critical");
  }
  const { fanOut, critical, ordered } = option;
  return { method, event, ...states, fanOut, critical, ordered, results };
}

function readTimer(method: DescMethod, around: Surroundings): TimerContract | undefined {
  const { faults, participant } = around;
  const option = getOption(method, timerOption);
  if (method.input.typeName !== TimerFiredSchema.typeName)
    faults.add(method, "a timer's request is heddle.v1.TimerFired", "use it");
  if (!option.after) faults.add(method, "the timer has no time", "set timer.after");
  if (participant) readStates([option.armedIn], { method, participant, faults });
  const { moves } = readReceptions(method, { moves: option.moves, ignoredIn: [], parkedIn: [] }, around);
  if (!moves.some(({ from }) => from === option.armedIn)) {
    faults.add(
      method,
      `no move leaves "${option.armedIn}", which arms the timer`,
      "declare what happens when it fires",
    );
  }
  const results = readResults(method, around.events, faults);
  checkResults({ method, moves, results, fanOut: false }, faults);
  return {
    method,
    armedIn: option.armedIn,
    afterMs: readDuration(option.after, method, timerBounds, faults),
    moves,
    results,
  };
}

function readEffect(method: DescMethod, around: Surroundings): EffectContract | undefined {
  const { faults, participant } = around;
  const option = getOption(method, effectOption);
  if (method.input.typeName !== EffectDueSchema.typeName)
    faults.add(method, "an effect's request is heddle.v1.EffectDue", "use it");
  if (participant) readStates([option.dueIn], { method, participant, faults });
  const { moves, ignoredIn } = readReceptions(method, { ...option, parkedIn: [] }, around);
  if (!moves.some(({ from }) => from === option.dueIn)) {
    faults.add(method, `no move leaves "${option.dueIn}", in which the call is due`, "declare what its results do");
  }
  const results = readResults(method, around.events, faults);
  checkResults({ method, moves, results, fanOut: false }, faults);
  const deadlineMs = readDuration(option.deadline, method, effectDeadline, faults);
  return { method, dueIn: option.dueIn, deadlineMs, moves, ignoredIn, results };
}

interface Receptions {
  readonly moves: Parameters<typeof readMoves>[0];
  readonly ignoredIn: readonly string[];
  readonly parkedIn: readonly string[];
}

/** Reads how each state meets the request, and notes states that are answered in two ways. */
function readReceptions(method: DescMethod, option: Receptions, { participant, events, faults }: Surroundings) {
  if (!participant) {
    if (option.moves.length + option.ignoredIn.length + option.parkedIn.length > 0) {
      faults.add(method, "its service plays no part in a saga", "give the service option (heddle.v1.participant)");
    }
    return { moves: [], ignoredIn: [], parkedIn: [] };
  }
  const context = { method, participant, events, faults };
  const moves = readMoves(option.moves, context);
  const ignoredIn = readStates(option.ignoredIn, context);
  const parkedIn = readStates(option.parkedIn, context);
  const answers = [...new Set(moves.map(({ from }) => from)), ...ignoredIn, ...parkedIn];
  for (const state of new Set(answers.filter((name, index) => answers.indexOf(name) !== index))) {
    faults.add(method, `the state "${state}" is answered in two ways`, "move, ignore or park, but one of them");
  }
  return { moves, ignoredIn, parkedIn };
}

function reportDoubles({ events, effects }: ReactionsContract, faults: Faults): void {
  for (const [index, { method, event }] of events.entries()) {
    if (events.findIndex((other) => other.event === event) === index) continue;
    faults.add(method, `${event.message.typeName} has a reaction already`, "merge the two");
  }
  for (const [index, { method, dueIn }] of effects.entries()) {
    if (effects.findIndex((other) => other.dueIn === dueIn) === index) continue;
    faults.add(method, `another effect is due in "${dueIn}"`, "give each effect a state of its own");
  }
}
