import type { Amount } from "./payment.ts";

/** What the shop asks of whoever moves the money. */
export interface PaymentProvider {
  /** Sets an amount aside, or says why not. A reference that was voided before stays voided. */
  authorise(request: AuthoriseRequest, call: ProviderCall): Promise<AuthoriseAnswer>;
  /** Takes the whole amount that was set aside under a reference. */
  capture(reference: string, call: ProviderCall): Promise<void>;
  /** Lets an amount go for good, also where it was never set aside: a later authorisation of the reference is refused. */
  void(reference: string, call: ProviderCall): Promise<void>;
}

/** An amount to set aside. */
export interface AuthoriseRequest {
  /** Our name for the payment: the order's id. */
  readonly reference: string;
  readonly amount: Amount;
  readonly paymentMethod: string;
}

/** The provider's verdict. */
export type AuthoriseAnswer =
  | { readonly verdict: "authorised" }
  /** The reference was voided before. */
  | { readonly verdict: "voided" }
  | { readonly verdict: "declined"; readonly declineCode: string };

/** What goes along with every call. */
export interface ProviderCall {
  /** The same for every attempt: the provider does the work once and repeats its answer. */
  readonly idempotencyKey: string;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

/** The provider gave no usable answer. What it did is unknown, so the call is to be repeated with the same key. */
export class ProviderUnavailable extends Error {}
