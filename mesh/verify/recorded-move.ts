/** One step that a participant has taken, as its service has recorded it in the same transaction. */
export interface RecordedMove {
  /** Service that moved, such as "shop.order". */
  readonly service: string;
  readonly saga: string;
  /** Key of the saga instance, such as an order's id. */
  readonly key: string;
  /** Number of the step at this participant, from 1. */
  readonly version: number;
  readonly from: string;
  readonly to: string;
  /** Full name of the rpc that took the step, such as "shop.order.v1.OrderService.PlaceOrder". */
  readonly rpc: string;
  /** Id of the event that was taken in. Left out for a command, a timer or an effect. */
  readonly eventId?: string | undefined;
  /** Full name of that event's message. */
  readonly eventType?: string | undefined;
  /** Full names of the messages that the step announced. */
  readonly announced: readonly string[];
  /** When, by the clock of the service's database. */
  readonly at: Date;
}
