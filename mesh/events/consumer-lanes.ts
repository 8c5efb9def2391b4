import type { Contract, EventReactionContract } from "#mesh/contract";
import type { ConsumerSpec } from "./broker.ts";
import { consumerSpec } from "./stream-names.ts";

/** A consumer that a contract asks for, and what it reads for. */
export interface ConsumerLane {
  /** Service whose events it reads. */
  readonly producer: string;
  readonly reactions: readonly EventReactionContract[];
  readonly spec: ConsumerSpec;
}

/** One consumer for each service whose events a service reacts to, and another for those that it takes in order. */
export function consumerLanes({ name, reactions }: Contract, ackWaitMs?: number): ConsumerLane[] {
  const byProducer = Map.groupBy(reactions?.events ?? [], ({ event }) => event.service);
  return [...byProducer].flatMap(([producer, ofProducer]) =>
    [...Map.groupBy(ofProducer, (reaction) => reaction.ordered)].map(([ordered, lane]) => {
      const subjectPrefixes = [...new Set(lane.map(({ event }) => event.subjectPrefix))];
      return {
        producer,
        reactions: lane,
        spec: consumerSpec(name, producer, { subjectPrefixes, ordered, ackWaitMs }),
      };
    }),
  );
}
