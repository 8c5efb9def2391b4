import { createServer, request as forward, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpProvider } from "./http-provider.ts";
import { type RunningProvider, runProvider } from "./provider.fixture.ts";
import { ProviderUnavailable } from "./provider.ts";

let provider: RunningProvider;
const amount = { currencyCode: "EUR", units: 12n, nanos: 500_000_000 };

beforeAll(async () => {
  provider = await runProvider();
});

afterAll(() => provider[Symbol.asyncDispose]());

function call(idempotencyKey: string) {
  return { idempotencyKey, signal: AbortSignal.timeout(10_000) };
}

function authorise(reference: string, paymentMethod = "pm_card_visa") {
  const request = { reference, amount, paymentMethod };
  return httpProvider(provider.url).authorise(request, call(`${reference}/authorise`));
}

test("money is set aside and taken", async () => {
  expect(await authorise("a")).toEqual({ verdict: "authorised" });
  await httpProvider(provider.url).capture("a", call("a/capture"));
  expect(await provider.statusOf("a")).toBe("CAPTURED");
});

test("a refusal is an answer", async () => {
  expect(await authorise("b", "pm_card_chargeDeclined")).toEqual({ verdict: "declined", declineCode: "card_declined" });
});

test("a reference that was voided first stays voided", async () => {
  await httpProvider(provider.url).void("c", call("c/void"));
  expect(await authorise("c")).toEqual({ verdict: "voided" });
});

test("a connection lost after the work leaves the outcome open, and the same key finds it", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  // Hands the request on and waits for the answer, then hangs up instead of passing it back.
  const rude = createServer((incoming, outgoing) => {
    const options = { method: incoming.method, headers: incoming.headers };
    const onward = forward(new URL(incoming.url ?? "/", provider.url), options, (answer) => {
      answer.resume().on("end", () => outgoing.socket?.destroy());
      resolve();
    });
    incoming.pipe(onward);
  });
  const url = await listen(rude);
  const request = { reference: "d", amount, paymentMethod: "pm_card_visa" };
  await expect(httpProvider(url).authorise(request, call("d/1"))).rejects.toBeInstanceOf(ProviderUnavailable);
  await done;
  rude.close();
  expect(await httpProvider(provider.url).authorise(request, call("d/1"))).toEqual({ verdict: "authorised" });
  expect(await provider.statusOf("d")).toBe("AUTHORIZED");
});

test("a provider that is away, refuses or answers nonsense has an unknown outcome", async () => {
  const nonsense = createServer((_incoming, outgoing) => outgoing.end("<html>"));
  const url = await listen(nonsense);
  await expect(httpProvider(url).void("e", call("e"))).rejects.toThrow("the provider gave no answer");
  nonsense.close();
  await expect(httpProvider(url).void("e", call("e"))).rejects.toBeInstanceOf(ProviderUnavailable);
  await expect(httpProvider(provider.url).capture("unknown", call("f"))).rejects.toThrow("answered 404");
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}
