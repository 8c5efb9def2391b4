import { expect, test } from "vitest";
import { type AuthorizationRequest, authorize, capture, voidAuthorization } from "./authorization.ts";

const request: AuthorizationRequest = {
  reference: "r1",
  amount: { currencyCode: "EUR", units: "12", nanos: 500_000_000 },
  paymentMethod: "pm_card_visa",
};

test.each([
  ["pm_card_visa", "AUTHORIZED", ""],
  ["pm_card_slow", "AUTHORIZED", ""],
  ["pm_card_chargeDeclined", "DECLINED", "card_declined"],
  ["pm_whatever", "DECLINED", "invalid_payment_method"],
])("%s is %s", (paymentMethod, status, declineCode) => {
  expect(authorize(undefined, { ...request, paymentMethod })).toMatchObject({ status, declineCode });
});

test("a reference authorises once", () => {
  const first = authorize(undefined, request);
  expect(authorize(first, request)).toBe(first);
  const other = { ...request, amount: { ...request.amount, units: "13" } };
  expect(() => authorize(first, other)).toThrow("another amount or method");
});

test("a voided reference stays voided, known before or not", () => {
  const voided = voidAuthorization(undefined, "r1");
  expect(authorize(voided, request)).toMatchObject({ status: "VOIDED", amount: undefined });
  const known = voidAuthorization(authorize(undefined, request), "r1");
  expect(authorize(known, request).status).toBe("VOIDED");
  expect(() => capture(known, "r1")).toThrow("is VOIDED");
});

test("money is captured once, and only when it was set aside", () => {
  const captured = capture(authorize(undefined, request), "r1");
  expect(capture(captured, "r1")).toBe(captured);
  expect(() => voidAuthorization(captured, "r1")).toThrow("is CAPTURED");
  expect(() => capture(undefined, "r1")).toThrow("no authorization r1");
});
