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
}

/** Loses each delivery for ever, one after the other, and says what comes of it. */
export function sweep(sweeping: { model: Model; judge: Judge; limits: Limits }): Delivery[] {
  const { model } = sweeping;
  return model.triggers.flatMap(({ internal, event, participant }, trigger) => {
    if (!internal || !event) return [];
    const { violations } = explore({ ...sweeping, sagas: 1, world: { lost: trigger } });
    const problems = violations.map(({ problem }) => problem);
    const consumer = aliasOf(model.participants[participant]?.contract.name ?? "");
    return [{ trigger, consumer, event: event.message.name, critical: problems.length > 0, problems }];
  });
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
