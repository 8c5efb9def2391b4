import type { Finding } from "./finding.ts";
import type { Succession } from "./succession.ts";

/** One service that must be deployed before another: the consumer before the announcer. */
export interface Precedence {
  readonly consumer: string;
  readonly announcer: string;
  /** The new events that one takes in and the other announces, by name. */
  readonly events: readonly string[];
}

/**
 * Says who must be deployed before whom: a consumer of a new event before its announcer. A service begins to listen to
 * an event when the first instance starts that knows it, where its older instances have come to; what was announced
 * before that never reaches it.
 */
export function deploymentOrder({ now, before }: Succession): Precedence[] {
  const known = new Set(before.contracts.flatMap(({ events }) => [...events.keys()]));
  const deliveries = now.contracts.flatMap(({ name, reactions }) =>
    (reactions?.events ?? [])
      .filter(({ event }) => !known.has(event.message.typeName) && event.service !== name)
      .map(({ event }) => ({ consumer: name, announcer: event.service, event: event.message.name })),
  );
  // A service that is new altogether listens from the beginning of each stream.
  const grown = deliveries.filter(({ consumer }) => before.contracts.some(({ name }) => name === consumer));
  return [...Map.groupBy(grown, ({ consumer, announcer }) => `${consumer} ${announcer}`).values()].flatMap((group) =>
    group
      .slice(0, 1)
      .map(({ consumer, announcer }) => ({ consumer, announcer, events: group.map(({ event }) => event) })),
  );
}

/** Finds services that each would have to be deployed before the other. */
export function checkOrder(order: readonly Precedence[], { now }: Succession): Finding[] {
  const circular = order.filter(({ consumer, announcer }) => leadsTo(announcer, consumer, order));
  return circular.flatMap(({ consumer, announcer, events }) => {
    const message = now.contracts
      .find(({ name }) => name === announcer)
      ?.events.values()
      .find((event) => events.includes(event.message.name))?.message;
    if (!message) return [];
    const problem = `${consumer} must be deployed before ${announcer} to hear of ${events.join(", ")}, and ${announcer} before ${consumer}`;
    const mend = "add the reactions first, and let the events be announced by the deployment after it";
    return [{ check: "no order of deployment", problem, element: message, mend }];
  });
}

function leadsTo(from: string, goal: string, order: readonly Precedence[]): boolean {
  const reached = new Set([from]);
  for (const service of reached) {
    for (const { consumer, announcer } of order) if (consumer === service) reached.add(announcer);
  }
  return reached.has(goal);
}
