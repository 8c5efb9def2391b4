import type { End, Exploration } from "./explore.ts";
import type { Model, ParticipantModel, Trigger } from "./model.ts";
import { sequenceDiagram } from "./story.ts";
import type { Delivery } from "./sweep.ts";
import type { Verdict } from "./verify-saga.ts";

/** Writes the page of a proven saga as Markdown. Throws an Error for one that is not proven. */
export function sagaPage(verdict: Verdict): string {
  const { name, model, alone, verdict: outcome } = verdict;
  if (!alone || outcome !== "proven") throw new Error(`saga ${name} is ${outcome}; only a proven one has a page`);
  const sections = [
    `# Saga: ${name}`,
    "Written by `npm run verify -- --write` from the contracts. Do not edit.",
    `${model.saga.decider} decides. ${counts(verdict)}`,
    ...rules(model),
    "## Participants",
    ...model.participants.flatMap((participant, index) => participantSection(model, participant, index)),
    ...paths(model, alone),
    ...criticalDeliveries(verdict),
  ];
  return `${sections.join("\n\n")}\n`;
}

function counts({ runs }: Verdict): string {
  const explored = runs
    // More than the default would make the page depend on how it was written.
    .filter(({ sagas }) => sagas <= 2)
    .map(({ sagas, states }) => `${states} states with ${sagas === 1 ? "one instance" : `${sagas} instances`}`);
  return `Proven in every interleaving: ${explored.join(", ")}.`;
}

function rules({ saga }: Model): string[] {
  const line = ({ name, cel }: { name: string; cel: string }) => `- ${name}: \`${cel}\``;
  const shared = saga.counters.flatMap(({ name, initial, always }) => [
    `Shared: \`${name}\`, proven with ${initial} at the beginning`,
    always.map(line).join("\n"),
  ]);
  return [
    "## What holds",
    "Always",
    saga.always.map(line).join("\n"),
    "At rest",
    saga.atRest.map(line).join("\n"),
    ...shared,
  ];
}

function participantSection(model: Model, participant: ParticipantModel, index: number): string[] {
  const triggers = model.triggers.filter((trigger) => trigger.participant === index);
  const rows = participant.states
    .map((state) => ({ state, cells: triggers.flatMap((trigger) => receptions(trigger, state)) }))
    .filter(({ cells }) => cells.length > 0)
    .flatMap(({ state, cells }) => cells.map((cell) => `| ${state} | ${cell} |`));
  return [
    `### ${participant.contract.name}`,
    `Final: ${participant.final.join(", ")}.`,
    ["| in | when | then | announces | kind of step |", "|---|---|---|---|---|", ...rows].join("\n"),
  ];
}

/** The rest of a row for each thing that may happen in a state. */
function receptions(trigger: Trigger, state: string): string[] {
  const when = whenOf(trigger);
  const moves = trigger.moves
    .filter(({ from }) => from === state)
    .map(({ to, emits, stepClass }) => `${when} | ${to} | ${emits?.message.name ?? ""} | ${classNames[stepClass]}`);
  if (trigger.ignoredIn.includes(state)) return [`${when} | ignored | | `];
  if (trigger.parkedIn.includes(state)) return [`${when} | waits | | `];
  return moves;
}

const classNames = ["", "compensatable", "pivot", "retriable", "compensation", "record"] as const;

function whenOf({ kind, method, event }: Trigger): string {
  if (event) return event.message.name;
  return {
    command: `command ${method.name}`,
    timer: `timer ${method.name}`,
    effect: `result of ${method.name}`,
    event: "",
  }[kind];
}

function paths(model: Model, alone: Exploration): string[] {
  const section = (end: End) => [
    `### ${titleOf(model, end)}`,
    `\`\`\`mermaid\n${sequenceDiagram(end.path, { model, instances: alone.instances })}\n\`\`\``,
  ];
  const happy = alone.ends.filter(({ pivoted }) => pivoted);
  const others = alone.ends.filter(({ pivoted }) => !pivoted);
  return [
    "## The happy path",
    ...happy.flatMap(section),
    "## Compensated paths",
    "The shortest way to each other end.",
    ...others.flatMap(section),
  ];
}

function titleOf({ participants }: Model, { states }: End): string {
  return participants
    .map(({ alias, states: names }, index) => `${alias} ${names[states[index] ?? 0]}`)
    .filter((part) => !part.endsWith(" NONE"))
    .join(", ");
}

function criticalDeliveries({ deliveries }: Verdict): string[] {
  const row = (consumer: string, event: string, problem: string) => `| ${consumer} | ${event} | ${problem} |`;
  const critical = deliveries.filter((delivery) => delivery.critical);
  const tolerated = deliveries.filter((delivery) => !delivery.critical);
  const idempotent = deliveries.filter((delivery) => delivery.idempotent);
  return [
    "## Deliveries",
    "Critical: were one of these lost for ever, the saga could not end well. They are marked in the contracts.",
    [
      "| consumer | event | what would happen |",
      "|---|---|---|",
      ...critical.map(({ consumer, event, problems }) => row(consumer, event, problems[0] ?? "")),
    ].join("\n"),
    `Tolerated, because time or another event ends the saga all the same: ${listed(tolerated)}.`,
    `Idempotent by their declaration alone, so that repetitions would do no harm even without the inbox: ${listed(idempotent)}.`,
  ];
}

function listed(deliveries: readonly Delivery[]): string {
  return deliveries.map(({ consumer, event }) => `${consumer} ← ${event}`).join(", ") || "none";
}
