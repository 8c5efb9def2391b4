import { create, type DescMessage, type Message, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { EventContract } from "#mesh/contract";

/** An event about to be announced, with what its contract says. */
export interface Emission {
  readonly event: EventContract;
  readonly message: Message;
}

/** An event about to be announced, as a service writes it: see event(). */
export interface TypedEvent<Desc extends DescMessage = DescMessage> {
  readonly schema: Desc;
  readonly message: MessageShape<Desc>;
}

/** Makes an event: `event(OrderPlacedSchema, { orderId, … })`. */
export function event<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): TypedEvent<Desc> {
  return { schema, message: create(schema, init) };
}
