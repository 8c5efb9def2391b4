/** An amount of money as in google.type.Money: whole units and billionths of a unit. */
export interface Amount {
  readonly currencyCode: string;
  readonly units: bigint;
  readonly nanos: number;
}

/** What is to be paid for one order. */
export interface Payment {
  readonly orderId: string;
  readonly userId: string;
  readonly amount: Amount;
  readonly paymentMethod: string;
  /** Why the provider refused; empty where it did not. */
  readonly declineCode: string;
}

/** Whoever asks for a payment. */
export interface Asker {
  readonly id: string;
  readonly roles: readonly string[];
}

/** Whether somebody may see a payment: whoever pays it, and admins. */
export function maySee(payment: Payment, asker: Asker): boolean {
  return payment.userId === asker.id || asker.roles.includes("admin");
}
