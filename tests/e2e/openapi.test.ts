import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { schemaChecker } from "../../gateway/openapi/ajv.fixture.ts";
import { type Customer, demoProduct, newCustomer, signIn } from "./customer.ts";
import type { Http } from "./http.ts";
import { type ExampleSchema, exampleOf, resolve } from "./openapi-example.ts";
import { startShop, type TestShop } from "./shop.ts";

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly schema: ExampleSchema;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: ExampleSchema }>> };
  readonly responses: Readonly<Record<string, ExampleSchema>>;
  readonly security: readonly { readonly bearer: readonly string[] }[];
  readonly "x-streaming"?: string;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

// The committed one gives the tests their names; the first test compares it with what the shop answers.
const document: Document = parse(readFileSync("docs/openapi.yaml", "utf8"));
const faultsOf = schemaChecker(document);
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation, id: operation.operationId })),
);

let shop: TestShop;
let admin: Customer;

beforeAll(async () => {
  shop = await startShop();
  admin = await signIn(shop.http, "admin@heddle.local", "heddle-admin");
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** What an example has to know of the shop: things that are there, and what only a rule in CEL says. */
async function knownValues(id: string, customer: Customer): Promise<Record<string, unknown>> {
  const [, service = "", method = ""] = /([^.]+)\.([^.]+)$/.exec(id) ?? [];
  if (service === "CatalogService")
    return { id: demoProduct(2), updateMask: "name,price", price: money, pageToken: "" };
  if (service === "InventoryService") return { productId: demoProduct(2) };
  if (/Session$/.test(method) && method !== "CreateSession") return { refreshToken: await refreshToken() };
  if (method === "UpdateUser") return { id: "me", updateMask: "displayName", email: "" };
  if (service === "IdentityService") return { id: "me" };
  if (method === "PlaceOrder" || method === "ListOrders") return { pageToken: "", userId: customer.id };
  // One that is still pending when it is to be cancelled.
  const paymentMethod = method === "CancelOrder" ? "pm_card_slow" : "pm_card_visa";
  const { body } = await customer.order([{ productId: demoProduct(3), quantity: 1 }], { paymentMethod });
  if (service === "PaymentService") await customer.payment(body.id, "PAYMENT_STATUS_CAPTURED");
  if (service === "ShippingService") await customer.shipment(body.id, "SHIPMENT_STATUS_CREATED");
  return { id: body.id, orderId: body.id };
}

const money = { currencyCode: "EUR", units: "3", nanos: 0 };

async function refreshToken(): Promise<string> {
  const credentials = { email: "ada@heddle.local", password: "heddle-demo" };
  return (await shop.http("POST /v1/sessions", { body: credentials })).body.refreshToken;
}

type Listed = (typeof operations)[number];

/** The request that the document describes, with an example for every parameter and every field of the body. */
function exampleCall({ path, method, operation }: Listed, known: Record<string, unknown>) {
  const values = (operation.parameters ?? []).map(({ name, in: place, schema }) => ({
    name,
    place,
    value: String(known[name] ?? exampleOf(document, schema)),
  }));
  const query = new URLSearchParams(
    values.filter(({ place }) => place === "query").map(({ name, value }): [string, string] => [name, value]),
  );
  const filled = values
    .filter(({ place }) => place === "path")
    .reduce((text, { name, value }) => text.replace(`{${name}}`, encodeURIComponent(value)), path);
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const example = schema && (exampleOf(document, schema) as object);
  const overrides = Object.entries(known).filter(([name]) => example && name in example && name !== "id");
  return {
    request: `${method.toUpperCase()} ${filled}?${query}` as Parameters<Http>[0],
    body: example && { ...example, ...Object.fromEntries(overrides) },
  };
}

/** Faults of an answer by what its operation says of its status. */
function answerFaults(
  { path, method, operation }: Listed,
  { status, headers, body }: Awaited<ReturnType<Http>>,
): string[] {
  const key = String(status) in operation.responses ? String(status) : "default";
  const response = resolve(document, operation.responses[key] ?? {});
  const type = headers.get("content-type") ?? "";
  const { $ref } = operation.responses[key] ?? {};
  const place = typeof $ref === "string" ? $ref.slice(2).split("/") : ["paths", path, method, "responses", key];
  if (response.content === undefined) return body === undefined ? [] : ["has a body"];
  if (!(type in (response.content as object))) return [`has the content type ${type}`];
  return faultsOf(body, ...place, "content", type, "schema");
}

it("is what the shop answers", async () => {
  const { body } = await shop.http("GET /openapi.json");
  expect(body).toEqual(document);
});

describe.each(operations)("$id", (listed) => {
  const { operation, id } = listed;
  const [success = ""] = Object.keys(operation.responses);
  const roles = operation.security.flatMap(({ bearer }) => bearer);

  it(`answers ${success} to its example, in the form of its schema`, async () => {
    const customer = await newCustomer(shop.http, "walker");
    const caller = roles.includes("admin") ? admin : customer;
    const { request, body } = exampleCall(listed, await knownValues(id, customer));
    const answer = await shop.http(request, { token: caller.token, ...(body && { body }) });
    expect([answer.status, answerFaults(listed, answer), answer.status < 300 || answer.body]).toEqual([
      Number(success),
      [],
      true,
    ]);
  });

  if ("401" in operation.responses)
    it("answers 401 to nobody, and to a token that is not valid", async () => {
      const { request, body } = exampleCall(listed, {});
      for (const token of ["", "a.b.c"]) {
        const answer = await shop.http(request, { token, ...(body && { body }) });
        expect([answer.status, answerFaults(listed, answer)]).toEqual([401, []]);
        expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
      }
    });

  if ("403" in operation.responses)
    it("answers 403 to a user without the role", async () => {
      const { token } = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
      const { request, body } = exampleCall(listed, {});
      const answer = await shop.http(request, { token, ...(body && { body }) });
      expect([answer.status, answerFaults(listed, answer)]).toEqual([403, []]);
    });

  if ("400" in operation.responses)
    it("answers 400 to a parameter that it does not have", async () => {
      const { request, body } = exampleCall(listed, {});
      const token = roles.includes("admin") ? admin.token : (await newCustomer(shop.http, "stranger")).token;
      const answer = await shop.http(`${request}&noSuchThing=1`, { token, ...(body && { body }) });
      expect([answer.status, answerFaults(listed, answer)]).toEqual([400, []]);
    });
});
