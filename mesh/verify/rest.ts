import type { InstanceState } from "./instance.ts";
import type { Judge } from "./judge.ts";
import type { Model } from "./model.ts";

/** Something that keeps a state in which nothing happens any more from being a legal end. */
export interface Unrest {
  readonly problem: string;
  /** What tells it from others. */
  readonly key: string;
  /** Index of the trigger at fault, when there is one. */
  readonly trigger?: number;
}

/** Says why an instance must not come to rest in a state: participants in between, deliveries that wait, rules. */
export function unrestOf(state: InstanceState, { model, judge }: { model: Model; judge: Judge }): Unrest[] {
  return [...unfinished(state, model), ...waiting(state, model), ...illegal(state, judge)];
}

function unfinished({ states: reached }: InstanceState, { participants }: Model): Unrest[] {
  return participants.flatMap(({ alias, states, final }, index) => {
    const name = states[reached[index] ?? 0] ?? "NONE";
    if (name === "NONE" || final.includes(name)) return [];
    return [{ problem: `${alias} stays ${name} for ever`, key: alias + name }];
  });
}

function waiting({ pending }: InstanceState, { slots, triggers }: Model): Unrest[] {
  return slots.flatMap(([trigger], slot) => {
    if (!trigger || (pending[slot] ?? 0) === 0) return [];
    const { name } = trigger.method;
    return [{ problem: `${name} waits for ever`, key: `waits ${name}`, trigger: triggers.indexOf(trigger) }];
  });
}

function illegal(state: InstanceState, judge: Judge): Unrest[] {
  return judge.broken(state, true).map((rule) => ({ problem: `no legal end: ${rule}`, key: rule }));
}
