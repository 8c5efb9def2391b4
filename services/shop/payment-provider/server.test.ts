import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { testDatabases } from "#mesh/testing";
import { paymentProvider } from "./service.ts";

const databases = testDatabases();
let provider = createProvider(0);

function createProvider(port: number) {
  const { postgresUrl, prefix: databasePrefix } = databases;
  const config = { postgresUrl, databasePrefix, host: "127.0.0.1", logLevel: "silent", logFormat: "json" } as const;
  return paymentProvider(config, { port, slowAnswerMs: 1_000 });
}

beforeAll(() => provider.start());

afterAll(async () => {
  await provider.stop();
  await databases[Symbol.asyncDispose]();
});

async function post(path: string, key: string, body?: unknown) {
  const headers = { "idempotency-key": key, "content-type": "application/json" };
  const response = await fetch(`${provider.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function get(path: string) {
  const response = await fetch(`${provider.url}${path}`);
  return { status: response.status, body: await response.json() };
}

function authorization(reference: string, paymentMethod = "pm_card_visa") {
  return { reference, amount: { currencyCode: "EUR", units: "12", nanos: 500_000_000 }, paymentMethod };
}

async function heldNanos(currencyCode: string): Promise<string | undefined> {
  const { totals } = listing.parse((await get("/v1/authorizations")).body);
  return totals.find((total) => total.status === "AUTHORIZED" && total.currencyCode === currencyCode)?.totalNanos;
}

const listing = z.object({
  totals: z.array(z.object({ status: z.string(), currencyCode: z.string(), totalNanos: z.string() })),
});

test("money is set aside, taken, and stays taken over a restart", async () => {
  const authorized = await post("/v1/authorizations", "a1", authorization("a"));
  expect(authorized).toMatchObject({ status: 200, body: { reference: "a", status: "AUTHORIZED", declineCode: "" } });
  expect(await post("/v1/authorizations/a/capture", "a2")).toMatchObject({ body: { status: "CAPTURED" } });
  await provider.stop();
  provider = createProvider(0);
  await provider.start();
  expect(await get("/v1/authorizations/a")).toMatchObject({ status: 200, body: { status: "CAPTURED" } });
  expect(await post("/v1/authorizations", "a1", authorization("a"))).toEqual(authorized);
  expect(await post("/v1/authorizations/a/void", "a3")).toMatchObject({ status: 409 });
});

test("one key does the work once, also when asked many times at once", async () => {
  const request = { ...authorization("b", "pm_card_slow"), amount: { currencyCode: "XTS", units: "3", nanos: 1 } };
  const answers = await Promise.all(Array.from({ length: 20 }, () => post("/v1/authorizations", "b1", request)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await heldNanos("XTS")).toBe("3000000001");
  const other = await post("/v1/authorizations", "b1", authorization("other"));
  expect(other).toMatchObject({ status: 422, body: { error: { code: "idempotency_key_reused" } } });
});

test("declined is an answer", async () => {
  const declined = await post("/v1/authorizations", "c1", authorization("c", "pm_card_chargeDeclined"));
  expect(declined).toMatchObject({ status: 200, body: { status: "DECLINED", declineCode: "card_declined" } });
  expect(await post("/v1/authorizations/c/capture", "c2")).toMatchObject({ status: 409 });
});

test("a void that overtakes a slow authorisation wins", async () => {
  const slow = post("/v1/authorizations", "d1", authorization("d", "pm_card_slow"));
  expect(await post("/v1/authorizations/d/void", "d2")).toMatchObject({ status: 200, body: { status: "VOIDED" } });
  expect(await slow).toMatchObject({ status: 200, body: { status: "VOIDED" } });
});

test("a conflict is answered anew each time", async () => {
  expect(await post("/v1/authorizations/e/capture", "e1")).toMatchObject({ status: 404 });
  await post("/v1/authorizations", "e2", authorization("e"));
  expect(await post("/v1/authorizations/e/capture", "e1")).toMatchObject({ body: { status: "CAPTURED" } });
});

test.each([
  ["no key", { path: "/v1/authorizations", key: "", body: authorization("f") }, 400, "idempotency_key_required"],
  ["no body", { path: "/v1/authorizations", key: "f1", body: undefined }, 400, "invalid_json"],
  ["a float", { path: "/v1/authorizations", key: "f2", body: { amount: { units: 1.5 } } }, 400, "invalid_request"],
  ["a large body", { path: "/v1/authorizations", key: "f3", body: "x".repeat(70_000) }, 413, "body_too_large"],
  ["an unknown path", { path: "/v1/payments", key: "f4", body: {} }, 404, "not_found"],
  ["a wrong method", { path: "/v1/authorizations/f", key: "f5", body: {} }, 405, "method_not_allowed"],
])("%s is refused with a code", async (_name, { path, key, body }, status, code) => {
  expect(await post(path, key, body)).toMatchObject({ status, body: { error: { code } } });
  expect((await get("/v1/authorizations/f")).status).toBe(404);
});

test("a port in use is named with its mend", async () => {
  const second = createProvider(Number(new URL(provider.url).port));
  await expect(second.start()).rejects.toThrow("PAYMENT_PROVIDER_PORT");
});
