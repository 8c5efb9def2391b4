/** Where to deliver, as the customer wrote it. */
export interface Address {
  readonly recipient: string;
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

/** What is to be delivered to whom: the items of one order. */
export interface Shipment {
  readonly orderId: string;
  readonly userId: string;
  /** It comes with the items: undefined while they have not left the stock. */
  readonly shippingAddress: Address | undefined;
}

/** Whoever asks for a shipment. */
export interface Asker {
  readonly id: string;
  readonly roles: readonly string[];
}

/** Whether somebody may see a shipment: whoever ordered it, and admins. */
export function maySee(shipment: Shipment, asker: Asker): boolean {
  return shipment.userId === asker.id || asker.roles.includes("admin");
}
