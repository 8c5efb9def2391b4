import { explore, type Limits } from "./explore.ts";
import type { Finding } from "./finding.ts";
import type { Judge } from "./judge.ts";
import { aliasOf, type Model } from "./model.ts";

/** One event on its way to one participant. */
export interface Delivery {
  /** Index of the trigger. */
  readonly trigger: number;
  readonly consumer: string;
  readonly event: string;
  /** Whether the saga cannot end well without it. */
  readonly critical: boolean;
  /** What happens when it is lost for ever; empty where the saga ends well all the same. */
  readonly problems: readonly string[];
  /** Whether it could be taken in any number of times without harm, even if there were no inbox. */
  readonly idempotent: boolean;
}

/**
 * Loses each delivery for ever, one after the other, then lets each come again and again, and says what comes of it, and
 * whether everything was seen.
 */
export function sweep(sweeping: { model: Model; judge: Judge; limits: Limits }) {
  const { model } = sweeping;
  const found = model.triggers.flatMap(({ internal, event, participant, slot }, trigger) => {
    if (!internal || !event) return [];
    const lost = explore({ ...sweeping, sagas: 1, world: { lost: slot } });
    const repeated = explore({ ...sweeping, sagas: 1, world: { repeated: slot } });
    const problems = lost.violations.map(({ problem }) => problem);
    const consumer = aliasOf(model.participants[participant]?.contract.name ?? "");
    const delivery = {
      trigger,
      consumer,
      event: event.message.name,
      critical: problems.length > 0,
      problems,
      idempotent: repeated.violations.length === 0,
    };
    return [{ delivery, exhausted: !lost.bound && !repeated.bound }];
  });
  const deliveries: Delivery[] = found.map(({ delivery }) => delivery);
  return { deliveries, exhausted: found.every(({ exhausted }) => exhausted) };
}

/** Compares what the contract says about critical deliveries with what the sweep has found. */
export function checkCritical({ triggers }: Model, deliveries: readonly Delivery[]): Finding[] {
  return deliveries.flatMap(({ trigger, critical, consumer, event, problems }) => {
    const declared = triggers[trigger];
    if (!declared || declared.critical === critical) return [];
    const problem = critical
      ? `${consumer} cannot do without ${event} (${problems[0]}), and it is not marked as critical`
      : `the saga ends well without ${event} at ${consumer}, and it is marked as critical`;
    const mend = critical ? "set critical: true" : "drop critical";
    return [{ check: "critical delivery", problem, element: declared.method, mend }];
  });
}
