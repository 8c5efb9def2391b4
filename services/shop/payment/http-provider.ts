import { z } from "zod";
import { type AuthoriseAnswer, type PaymentProvider, type ProviderCall, ProviderUnavailable } from "./provider.ts";

const authorization = z.object({
  status: z.enum(["AUTHORIZED", "DECLINED", "CAPTURED", "VOIDED"]),
  declineCode: z.string(),
});
type Authorization = z.infer<typeof authorization>;

/**
 * Speaks to a provider over HTTP. Every answer but the expected one throws `ProviderUnavailable`: the outcome of that
 * attempt is unknown.
 * @param url base address, such as http://127.0.0.1:50061
 */
export function httpProvider(url: string): PaymentProvider {
  const base = `${url.replace(/\/+$/, "")}/v1/authorizations`;
  return {
    async authorise({ reference, amount, paymentMethod }, call) {
      const { currencyCode, units, nanos } = amount;
      const body = { reference, amount: { currencyCode, units: units.toString(), nanos }, paymentMethod };
      return verdictOf(await post(base, call, body));
    },
    async capture(reference, call) {
      expectStatus("CAPTURED", await post(`${base}/${encodeURIComponent(reference)}/capture`, call));
    },
    async void(reference, call) {
      expectStatus("VOIDED", await post(`${base}/${encodeURIComponent(reference)}/void`, call));
    },
  };
}

function verdictOf({ status, declineCode }: Authorization): AuthoriseAnswer {
  switch (status) {
    case "AUTHORIZED":
    case "CAPTURED":
      return { verdict: "authorised" };
    case "DECLINED":
      return { verdict: "declined", declineCode };
    case "VOIDED":
      return { verdict: "voided" };
  }
}

function expectStatus(expected: Authorization["status"], { status }: Authorization): void {
  if (status !== expected) throw new ProviderUnavailable(`the authorization is ${status} instead of ${expected}`);
}

async function post(url: string, { idempotencyKey, signal }: ProviderCall, body?: unknown): Promise<Authorization> {
  const headers = { "idempotency-key": idempotencyKey, "content-type": "application/json" };
  try {
    const response = await fetch(url, { method: "POST", headers, signal, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new ProviderUnavailable(`the provider answered ${response.status}: ${text.slice(0, 500)}`);
    return authorization.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof ProviderUnavailable) throw error;
    throw new ProviderUnavailable(`the provider gave no answer: ${describe(error)}`, { cause: error });
  }
}

// fetch says only "fetch failed"; what happened is in the cause.
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
