import { create, equals, fromJson, type Message, toBinary, toJson } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { arbitraryMessage } from "./arbitrary-message.fixture.ts";
import { type MirrorMessage, mirrorMessage, mirrorMethod, type RunningMirror, startMirror } from "./mirror.fixture.ts";
import { type Outcome, protocols, registry } from "./protocols.fixture.ts";
import { withoutEmpty } from "./query.fixture.ts";

// The same call, made up at random, by every protocol: the service must be asked the same, and every client be told the
// same. DIFFERENTIAL_RUNS says how many calls; DIFFERENTIAL_SEED repeats them.
const numRuns = Number(process.env.DIFFERENTIAL_RUNS ?? 60);
const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 31);

let mirror: RunningMirror;
beforeAll(async () => {
  console.log(`DIFFERENTIAL_SEED=${seed} DIFFERENTIAL_RUNS=${numRuns}`);
  mirror = await startMirror();
});
afterAll(() => mirror?.[Symbol.asyncDispose]());

const inAny = ["Scalars", "Choice", "WellKnown", "Everything"].map(mirrorMessage);
const id = fc.oneof(fc.constantFrom("7", "..", ".", "a/b", "a:watch", "%2F", "%", "ä", " ", "a?b#c", "+"), fc.uuid());
const everything = fc.option(arbitraryMessage(mirrorMessage("Everything"), { inAny, depth: 4 }), { nil: undefined });
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const details = fc.array(
  fc.oneof(
    ...[ErrorInfoSchema, BadRequestSchema, RetryInfoSchema, mirrorMessage("Scalars"), mirrorMessage("Dynamic")].map(
      (desc) => arbitraryMessage(desc, { inAny, depth: 3 }).map((message) => anyPack(desc, message)),
    ),
  ),
  { maxLength: 3 },
);
const failure = fc.record({ code: fc.integer({ min: 1, max: 16 }), message: text, details });

function requestOf(name: string, init: object): MirrorMessage {
  return create(mirrorMessage(name), init as never) as Message as MirrorMessage;
}

const asked = fc.record({ id, everything }).map((init) => requestOf("MirrorRequest", init));
const failing = fc.record({ id, everything, failure }).map((init) => requestOf("MirrorRequest", init));
const searched = fc
  .tuple(id, arbitraryMessage(mirrorMessage("SearchRequest"), { inAny, depth: 3 }))
  .map(([own, made]) => {
    const desc = mirrorMessage("SearchRequest");
    return requestOf("SearchRequest", { ...fromJson(desc, withoutEmpty(toJson(desc, made))), id: own });
  });

/** Sends by every protocol, and expects of each what the request says. */
async function sendByAll(rpc: string, requests: readonly MirrorMessage[], expected: Outcome): Promise<void> {
  const method = mirrorMethod(rpc);
  for (const { name, send } of protocols) {
    const outcome = await send(mirror.url, method, requests);
    if (outcome === undefined) continue;
    const seen = mirror.received().map(({ message }) => message);
    expect(seen.length, name).toBeGreaterThan(0);
    for (const [index, message] of seen.entries()) expectSame(message, requests[index % requests.length], name);
    expect(outcome.error, name).toEqual(expected.error);
    expect(outcome.answers, name).toHaveLength(expected.answers.length);
    for (const [index, answer] of outcome.answers.entries()) expectSame(answer, expected.answers[index], name);
  }
}

function expectSame(actual: Message, expected: Message | undefined, name: string): void {
  const desc = registry.getMessage(actual.$typeName);
  if (!desc || !expected) throw new Error(`${name}: nothing to compare with`);
  // Bytes tell everything apart, but maps may come in another order.
  if (Buffer.compare(toBinary(desc, actual), toBinary(desc, expected)) === 0 || equals(desc, actual, expected)) return;
  expect(toJson(desc, actual, { registry }), name).toEqual(toJson(desc, expected, { registry }));
  expect(Buffer.from(toBinary(desc, actual)).toString("hex"), name).toBe(
    Buffer.from(toBinary(desc, expected)).toString("hex"),
  );
}

function answerOf({ id, everything }: MirrorMessage): MirrorMessage {
  return requestOf("MirrorResponse", { id, everything });
}

function errorOf({ failure }: MirrorMessage): NonNullable<Outcome["error"]> {
  const { code = Code.Unknown, message = "", details = [] } = failure ?? {};
  const shown = details.map(
    ({ typeUrl, value }) => `${typeUrl.split("/").at(-1)} ${Buffer.from(value).toString("hex")}`,
  );
  return { code, message, details: shown };
}

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => Promise<void>, runs = numRuns) =>
  fc.assert(fc.asyncProperty(arbitrary, property), { seed, numRuns: runs, endOnFailure: process.env.CI !== undefined });

test("a unary call reaches the service, and its answer the client, the same by every protocol", async () => {
  await check(asked, (request) => sendByAll("Reflect", [request], { answers: [answerOf(request)] }));
}, 300_000);

test("what can be said in a query string is the same by every protocol", async () => {
  await check(searched, (request) => sendByAll("Search", [request], { answers: [request] }));
}, 300_000);

test("an error has the same code, message and details by every protocol", async () => {
  await check(failing, (request) => sendByAll("Reflect", [request], { answers: [], error: errorOf(request) }));
}, 300_000);

test("a stream of answers, and the error that ends it, is the same by every protocol", async () => {
  await check(fc.oneof(asked, failing), (request) => {
    const answers = [answerOf(request)];
    if (request.failure) return sendByAll("Watch", [request], { answers, error: errorOf(request) });
    return sendByAll("Watch", [request], { answers: [...answers, ...answers] });
  });
}, 300_000);

test("a stream of requests reaches the service the same by every protocol", async () => {
  await check(fc.array(asked, { minLength: 1, maxLength: 3 }), (requests) =>
    sendByAll("Collect", requests, { answers: requests.slice(-1).map(answerOf) }),
  );
}, 300_000);
