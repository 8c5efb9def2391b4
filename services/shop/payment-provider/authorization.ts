/** An amount as it travels in JSON: whole units as a decimal string, and billionths of a unit. */
export interface Amount {
  readonly currencyCode: string;
  readonly units: string;
  readonly nanos: number;
}

/** How far an authorization has come. VOIDED is final: the reference is burnt. */
export type AuthorizationStatus = "AUTHORIZED" | "DECLINED" | "CAPTURED" | "VOIDED";

/** What the provider knows about one reference of a merchant. */
export interface Authorization {
  readonly reference: string;
  readonly status: AuthorizationStatus;
  /** Undefined where the reference was voided before anybody asked to authorise it. */
  readonly amount: Amount | undefined;
  readonly paymentMethod: string;
  readonly declineCode: string;
}

/** A merchant's wish to set an amount aside. */
export interface AuthorizationRequest {
  readonly reference: string;
  readonly amount: Amount;
  readonly paymentMethod: string;
}

/** A request that contradicts what the provider already knows. Its code is meant for programs. */
export class ProviderConflict extends Error {
  readonly status: 404 | 409;
  readonly code: string;

  constructor(status: 404 | 409, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The payment method that takes its time, as a bank behind it might. */
export const slowPaymentMethod = "pm_card_slow";

const declineCodes = new Map([
  ["pm_card_visa", ""],
  [slowPaymentMethod, ""],
  ["pm_card_chargeDeclined", "card_declined"],
]);

/**
 * Sets an amount aside, or declines. A reference that is already known answers with what became of it, so that a
 * voided one stays voided. Throws `ProviderConflict` when the reference was used for something else.
 */
export function authorize(known: Authorization | undefined, request: AuthorizationRequest): Authorization {
  if (known?.status === "VOIDED") return known;
  if (known) return requireSame(known, request);
  const declineCode = declineCodes.get(request.paymentMethod) ?? "invalid_payment_method";
  return { ...request, status: declineCode ? "DECLINED" : "AUTHORIZED", declineCode };
}

/** Takes an amount that was set aside. Throws `ProviderConflict` when there is none. */
export function capture(known: Authorization | undefined, reference: string): Authorization {
  if (!known) throw new ProviderConflict(404, "not_found", `there is no authorization ${reference}`);
  if (known.status === "CAPTURED") return known;
  if (known.status !== "AUTHORIZED") {
    throw new ProviderConflict(409, "not_capturable", `authorization ${reference} is ${known.status}`);
  }
  return { ...known, status: "CAPTURED" };
}

/**
 * Lets an amount go for good. An unknown reference is recorded as voided, so that an authorisation that arrives later
 * is refused. Throws `ProviderConflict` when the amount was taken.
 */
export function voidAuthorization(known: Authorization | undefined, reference: string): Authorization {
  if (!known) return { reference, status: "VOIDED", amount: undefined, paymentMethod: "", declineCode: "" };
  if (known.status === "CAPTURED") {
    throw new ProviderConflict(409, "not_voidable", `authorization ${reference} is CAPTURED`);
  }
  return { ...known, status: "VOIDED" };
}

function requireSame(known: Authorization, request: AuthorizationRequest): Authorization {
  const same =
    known.paymentMethod === request.paymentMethod &&
    known.amount?.currencyCode === request.amount.currencyCode &&
    known.amount.units === request.amount.units &&
    known.amount.nanos === request.amount.nanos;
  if (!same) {
    throw new ProviderConflict(409, "reference_in_use", `reference ${known.reference} has another amount or method`);
  }
  return known;
}
