import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { call } from "../library.fixture.ts";
import { defaultRestConfig } from "./rest-config.ts";
import { startRules } from "./rules.fixture.ts";

const aip193 = 'application/json; profile="https://google.aip.dev/193"';
const problem = "application/problem+json";

/** Starts the rules with a service that refuses every call. */
function refusing(error: ConnectError, rest: Parameters<typeof startRules>[0] = {}) {
  return startRules({
    ...rest,
    answer: () => {
      throw error;
    },
  });
}

function outOfStock(): ConnectError {
  const error = new ConnectError("nothing left", Code.FailedPrecondition);
  const info = create(ErrorInfoSchema, { reason: "OUT_OF_STOCK", domain: "shop.test" });
  error.details.push({ desc: ErrorInfoSchema, value: info });
  return error;
}

test("an error is google.rpc.Status, a problem or AIP-193's form, as Accept says", async () => {
  await using rules = await refusing(outOfStock());
  const details = [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "OUT_OF_STOCK", domain: "shop.test" },
  ];
  const asked = async (accept?: string) => {
    const answer = await call(rules.url, "GET /v1/shelves/7", { headers: accept ? { accept } : {} });
    expect([answer.status, answer.headers.vary]).toEqual([400, "Accept"]);
    return [answer.headers["content-type"], answer.json()];
  };
  const status = ["application/json", { code: 9, message: "nothing left", details }];
  expect(await asked()).toEqual(status);
  expect(await asked("application/json")).toEqual(status);
  expect(await asked("*/*")).toEqual(status);
  expect(await asked(`${problem};q=0`)).toEqual(status);
  const problemAnswer = [
    problem,
    {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "nothing left",
      code: "FAILED_PRECONDITION",
      details,
    },
  ];
  expect(await asked(problem)).toEqual(problemAnswer);
  expect(await asked(`application/json, ${problem};q=0.5`)).toEqual(problemAnswer);
  const aipAnswer = [aip193, { error: { code: 400, message: "nothing left", status: "FAILED_PRECONDITION", details } }];
  expect(await asked(aip193)).toEqual(aipAnswer);
  expect(await asked(`${problem};q=0.4, ${aip193};q=0.9`)).toEqual(aipAnswer);
});

test("a dialect may be configured for clients that ask for none", async () => {
  await using rules = await refusing(outOfStock(), { rest: { ...defaultRestConfig, errorDialect: "problem" } });
  expect((await call(rules.url, "GET /v1/shelves/7")).headers["content-type"]).toBe(problem);
  expect((await call(rules.url, "GET /v1/shelves/7", { headers: { accept: aip193 } })).headers["content-type"]).toBe(
    aip193,
  );
});

test("a problem lists the fields at fault", async () => {
  await using rules = await startRules();
  const answer = await call(rules.url, "GET /v1/query?i32=x", { headers: { accept: problem } });
  expect(answer.json()).toMatchObject({
    errors: [{ field: "i32", detail: expect.stringMatching(/^query: expected a whole/) }],
  });
});

test("a detail that nobody knows keeps its bytes in every dialect", async () => {
  const error = outOfStock();
  error.details = [{ type: "no.such.Type", value: new Uint8Array([1, 2]) }];
  await using rules = await refusing(error);
  for (const accept of ["application/json", problem, aip193]) {
    const answer = await call(rules.url, "GET /v1/shelves/7", { headers: { accept } });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('{"@type":"type.googleapis.com/no.such.Type","value":"AQI="}');
  }
});

test("RetryInfo becomes Retry-After in every dialect", async () => {
  const error = new ConnectError("later", Code.Unavailable);
  const retryDelay = { seconds: 2n, nanos: 1 };
  error.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  await using rules = await refusing(error);
  const answer = await call(rules.url, "GET /v1/shelves/7", { headers: { accept: problem } });
  expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "3"]);
});

test("violations that a service finds name their source as the gateway's own do", async () => {
  const fields = ["id", "shelf.name", "shelf.rows[0].size", "numbers[1]", "elsewhere"];
  const error = new ConnectError("bad", Code.InvalidArgument);
  const fieldViolations = fields.map((field) => ({ field, description: "no", reason: "NO" }));
  error.details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  await using rules = await refusing(error);
  const descriptions = async (line: string, body: string) => {
    const answer = await call(rules.url, line, { body });
    const [{ fieldViolations: found }] = JSON.parse(answer.text).details;
    return found.map(({ description }: { description: string }) => description);
  };
  expect(await descriptions("PUT /v1/whole/7", "{}")).toEqual(["path: no", "body: no", "body: no", "body: no", "no"]);
  expect(await descriptions("PATCH /v1/shelves/7", "{}")).toEqual([
    "query: no",
    "path: no",
    "body: no",
    "query: no",
    "no",
  ]);
});

test("X-Explain tells how a request is bound instead of calling, where that is configured", async () => {
  await using rules = await startRules({ rest: { ...defaultRestConfig, explain: true } });
  const headers = { "x-explain": "1", "content-type": "application/json" };
  const body = '{"size":1,"sise":2,"rows":[{"nam":1}]}';
  const answer = await call(rules.url, "PATCH /v1/shelves/a%2Fb?note=n&utm_source=m", { headers, body });
  expect(answer.status).toBe(200);
  expect(answer.json()).toEqual({
    route: "PATCH /v1/shelves/{shelf.name}",
    rpc: "test.rules.v1.Rules/PatchShelf",
    bindings: [
      { source: "path", field: "shelf.name", value: "a/b" },
      { source: "query", field: "note", value: "n" },
      { source: "body", field: "shelf", value: { size: 1, sise: 2, rows: [{ nam: 1 }] } },
    ],
    ignored: ["query: utm_source", "body: sise", "body: rows.0.nam"],
    request: { note: "n", shelf: { name: "a/b", size: 1, rows: [{}] }, updateMask: "rows,size" },
  });
  expect(rules.asked).toEqual([]);
  expect((await call(rules.url, "GET /v1/query?i32=x", { headers })).status).toBe(400);
});

test("X-Explain is nothing where it is not configured", async () => {
  await using rules = await startRules();
  await call(rules.url, "GET /v1/shelves/7", { headers: { "x-explain": "1" } });
  expect(rules.asked).toEqual([{ rpc: "GetShelf", request: { id: "7" } }]);
});

test("415 names the media types that are taken, as the method asks for them", async () => {
  await using rules = await startRules();
  const headers = { "content-type": "text/plain" };
  const post = await call(rules.url, "POST /v1/whole", { headers, body: "x" });
  expect([post.status, post.headers["accept-post"]]).toEqual([415, "application/json, multipart/form-data"]);
  const patch = await call(rules.url, "PATCH /v1/settings", { headers, body: "x" });
  expect([patch.status, patch.headers["accept-patch"]]).toEqual([415, "application/json"]);
});

test("a body in chunks to a route without one is refused unless it is empty", async () => {
  await using rules = await startRules();
  const chunked = { "transfer-encoding": "chunked" };
  const full = await call(rules.url, "POST /v1/part/nothing", { headers: chunked, body: "{}" });
  const empty = await call(rules.url, "POST /v1/part/nothing", { headers: chunked });
  expect([full.status, empty.status]).toEqual([400, 200]);
});

test("OPTIONS tells what a path takes", async () => {
  await using rules = await startRules();
  const answer = await call(rules.url, "OPTIONS /v1/shelves/7");
  expect([answer.status, answer.headers.allow]).toEqual([204, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"]);
});
