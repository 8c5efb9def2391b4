import type { Taken } from "./explore.ts";
import type { Instances } from "./instance.ts";
import { aliasOf, type Model } from "./model.ts";

/** Where an element of a contract is written, such as "proto/shop/order/v1/order_service.proto:22". */
export type Locate = (element: { readonly typeName: string; readonly file: string }) => string;

/** The shortest way to something that must not be. */
export interface Story {
  /** One sentence for each step, with the contract's element and its place. */
  readonly lines: readonly string[];
  /** The same as a Mermaid sequence diagram. */
  readonly mermaid: string;
}

/** What a story is told with. */
export interface Telling {
  readonly model: Model;
  readonly instances: Instances;
  readonly locate: Locate;
}

/** Tells a way in words and as a diagram. */
export function tell(path: readonly Taken[], telling: Telling): Story {
  return {
    lines: path.map((taken) => lineOf(taken, telling)),
    mermaid: sequenceDiagram(path, telling),
  };
}

function lineOf({ saga, trigger: index, step, from }: Taken, { model, instances, locate }: Telling): string {
  const trigger = model.triggers[index];
  if (!trigger) return "";
  const participant = model.participants[trigger.participant];
  const state = participant?.states[instances.state(from).states[trigger.participant] ?? 0] ?? "NONE";
  const who = `${saga > 0 ? `[${saga + 1}] ` : ""}${participant?.alias}`;
  const { method } = trigger;
  const place = locate({ typeName: `${method.parent.typeName}.${method.name}`, file: method.parent.file.name });
  return `${who}: ${causeOf(model, index)} in ${state}: ${effectOf(step)} (${place})`;
}

function causeOf(model: Model, index: number): string {
  const trigger = model.triggers[index];
  const name = trigger?.method.name ?? "";
  if (trigger?.event) return `${name} takes in ${trigger.event.message.name}`;
  return { command: `command ${name}`, timer: `timer ${name} fires`, effect: `result of ${name}`, event: name }[
    trigger?.kind ?? "event"
  ];
}

function effectOf(step: Taken["step"]): string {
  if (!step) return "NOT ALLOWED";
  if (!step.move) return step.outcome;
  const { to, emits } = step.move;
  return `→ ${to}${emits ? `, announces ${emits.message.name}` : ""}${step.again ? ", will come again" : ""}`;
}

/** Draws a way as a Mermaid sequence diagram. */
export function sequenceDiagram(
  path: readonly Taken[],
  { model, instances }: Pick<Telling, "model" | "instances">,
): string {
  const names = model.participants.map(({ alias }) => alias);
  const lines = path.flatMap(({ saga, trigger: index, step, from }) => {
    const trigger = model.triggers[index];
    if (!trigger) return [];
    const alias = names[trigger.participant] ?? "";
    const state = step?.move?.to ?? instances.state(from).states[trigger.participant];
    const suffix = saga > 0 ? ` [${saga + 1}]` : "";
    const outcome = step?.move ? `${alias} is ${state}` : step ? step.outcome : "not allowed";
    return [`  ${arrowOf(model, index, alias)}${suffix}`, `  Note over ${alias}: ${outcome}`];
  });
  const outside = path.some(
    ({ trigger }) => model.triggers[trigger]?.kind !== "timer" && !model.triggers[trigger]?.internal,
  );
  return [
    "sequenceDiagram",
    ...(outside ? ["  actor outside"] : []),
    ...names.map((name) => `  participant ${name}`),
    ...lines,
  ].join("\n");
}

function arrowOf(model: Model, index: number, alias: string): string {
  const trigger = model.triggers[index];
  const name = trigger?.method.name ?? "";
  if (trigger?.kind === "timer") return `${alias}->>${alias}: ${name}`;
  if (trigger?.kind === "effect") return `outside-->>${alias}: ${name}`;
  if (!trigger?.event) return `outside->>${alias}: ${name}`;
  const source = trigger.internal ? aliasOf(trigger.event.service) : "outside";
  return `${source}-)${alias}: ${trigger.event.message.name}`;
}
