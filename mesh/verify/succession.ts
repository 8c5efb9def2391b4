import type { Contract, EventContract, EventReactionContract } from "#mesh/contract";
import type { System } from "./discover.ts";
import type { Finding } from "./finding.ts";

/** The contracts that are deployed, and those that will follow them. */
export interface Succession {
  readonly now: System;
  readonly before: System;
}

/**
 * Finds what instances of the old contracts leave behind that no instance of the new ones takes up: events under way,
 * armed timers, due calls, rows in states that are gone.
 */
export function checkSuccession({ now, before }: Succession): Finding[] {
  const announced = eventsOf(now);
  const events = [...eventsOf(before).values()];
  return [
    ...events.flatMap((event) => checkEvent(event, announced.get(event.message.typeName))),
    ...before.contracts.flatMap((old) => {
      const successor = now.contracts.find(({ name }) => name === old.name);
      return [
        ...removedReceptions(old, successor, announced),
        ...checkParticipant(old, successor),
        ...removedTimers(old, successor),
        ...removedEffects(old, successor),
      ];
    }),
  ];
}

function eventsOf({ contracts }: System): ReadonlyMap<string, EventContract> {
  return new Map(contracts.flatMap(({ events }) => [...events]));
}

function checkEvent(old: EventContract, event: EventContract | undefined): Finding[] {
  const { name } = old.message;
  if (!event) {
    const problem = `nobody announces ${name} any more, and outboxes, streams and dead letters still hold it`;
    const mend = "keep message and reactions until the stream has forgotten it";
    return [{ check: "removed event", problem, element: old.message, mend, before: true }];
  }
  const element = event.message;
  if (old.key.name !== event.key.name || old.key.number !== event.key.number) {
    const problem = `the key of ${name} was ${old.key.name} and is ${event.key.name}: old events of it reach other instances`;
    const mend = "announce a new event with the new key beside this one, until nobody needs the old one";
    return [{ check: "changed key", problem, element, mend }];
  }
  if (old.subjectPrefix === event.subjectPrefix) return [];
  const problem = `${name} was published on ${old.subjectPrefix} and is on ${event.subjectPrefix}, where old instances do not listen`;
  return [
    { check: "changed subject", problem, element, mend: "keep the aggregate, or announce a new event beside this" },
  ];
}

/** What was under way to an old instance and finds nobody at a new one. Events that are gone are told elsewhere. */
function removedReceptions(
  old: Contract,
  successor: Contract | undefined,
  announced: ReadonlyMap<string, EventContract>,
): Finding[] {
  const taken = new Set(successor?.reactions?.events.map(({ event }) => event.message.typeName));
  return (old.reactions?.events ?? [])
    .filter(({ event: { message } }) => announced.has(message.typeName) && !taken.has(message.typeName))
    .filter((reaction) => !hasNoEffect(reaction, old))
    .map(({ event, method }) => ({
      check: "removed reception",
      problem: `${old.name} no longer takes in ${event.message.name}, which may still be under way`,
      element: method,
      mend: "keep the reaction, ignored in every state, until none is under way",
      before: true,
    }));
}

function hasNoEffect({ moves, ignoredIn }: EventReactionContract, { participant }: Contract): boolean {
  const states = participant?.stateNames ?? [];
  return moves.length === 0 && states.length > 0 && states.every((state) => ignoredIn.includes(state));
}

function checkParticipant(old: Contract, successor: Contract | undefined): Finding[] {
  const [was, is] = [old.participant, successor?.participant];
  if (!was) return [];
  const { states: element, saga } = was;
  if (is?.saga !== saga) {
    const problem = `${old.name} no longer takes part in ${saga}, and its open instances stand still`;
    const mend = "keep its part until no instance is open";
    return [{ check: "removed participant", problem, element: old.reactions?.service ?? element, mend, before: true }];
  }
  const gone = was.stateNames.filter((state) => !is.stateNames.includes(state));
  const reopened = was.final.filter((state) => is.stateNames.includes(state) && !is.final.includes(state));
  return [
    ...gone.map((state) => ({
      check: "removed state" as const,
      problem: `${old.name} no longer knows the state ${state}, in which instances may be`,
      element,
      mend: was.final.includes(state) ? "keep it: rows stay in a final state" : "keep it until no instance is in it",
      before: true,
    })),
    ...reopened.map((state) => ({
      check: "removed final state" as const,
      problem: `${state} is no longer final at ${old.name}, and instances have ended in it`,
      element: is.states,
      mend: "keep it final, and let what is new go on from another state",
    })),
  ];
}

function removedTimers(old: Contract, successor: Contract | undefined): Finding[] {
  const kept = new Set(successor?.reactions?.timers.map(({ method }) => method.name));
  return (old.reactions?.timers ?? [])
    .filter(({ method }) => !kept.has(method.name))
    .map(({ method, armedIn }) => ({
      check: "removed timer",
      problem: `the timer ${method.name} of ${old.name} is gone, and instances in ${armedIn} have armed it`,
      element: method,
      mend: `keep it until no instance that armed it is in ${armedIn}`,
      before: true,
    }));
}

function removedEffects(old: Contract, successor: Contract | undefined): Finding[] {
  const kept = new Set(successor?.reactions?.effects.map(({ method }) => method.name));
  return (old.reactions?.effects ?? [])
    .filter(({ method }) => !kept.has(method.name))
    .map(({ method, dueIn }) => ({
      check: "removed effect",
      problem: `the call ${method.name} of ${old.name} is gone, and for instances in ${dueIn} it is due`,
      element: method,
      mend: `keep it until no instance for which it is due is in ${dueIn}`,
      before: true,
    }));
}
