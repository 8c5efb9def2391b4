import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { callHttp2, type FeedSink, startFeed, upload } from "../feed.fixture.ts";
import { base64, boundary, formBody, formType, named } from "../form.fixture.ts";
import { call } from "../library.fixture.ts";

const forms = "POST /v1/feeds/7/forms";
const file = `${named("file", '; filename="a.csv"')}\r\nContent-Type: text/csv`;

/** Takes files and says what came of each stream. */
function takingFiles() {
  const hash = createHash("sha256");
  const taken = { firsts: [] as JsonObject[], outcomes: [] as string[], size: 0, hash };
  const importForm: FeedSink = async (requests, { signal }) => {
    try {
      for await (const { file = {}, ...rest } of requests) {
        const { data = "", contentType = "" } = file as { data?: string; contentType?: string };
        if (contentType || Object.keys(rest).length > 0) taken.firsts.push({ ...rest, contentType });
        const bytes = Buffer.from(data, "base64");
        hash.update(bytes);
        taken.size += bytes.length;
      }
      taken.outcomes.push("whole");
    } catch {
      taken.outcomes.push(`cut ${signal.aborted}`);
    }
    return { count: taken.size };
  };
  return Object.assign(taken, { importForm });
}

/** Sends a form whose chunks are made one at a time. */
const uploadForm = (url: string, chunks: AsyncIterable<Buffer | string>) =>
  upload(url, "/v1/feeds/7/forms", formType, chunks);

test("a file of a form is a stream of requests, with all that came before it in the first", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  const bytes = randomBytes(20_000_000);
  const body = new FormData();
  body.set("name", "cat");
  body.set("file", new Blob([bytes], { type: "image/png" }), "cat.png");
  const answer = await fetch(`${feed.url}/v1/feeds/7/forms`, { method: "POST", body });
  expect(await answer.json()).toEqual({ count: bytes.length, texts: [] });
  expect(taken.hash.digest("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
  expect([taken.firsts, taken.outcomes]).toEqual([[{ id: "7", name: "cat", contentType: "image/png" }], ["whole"]]);
});

test("a file goes no faster than the service takes it", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  const block = randomBytes(1_000_000);
  const chunks = async function* () {
    yield `--${boundary}\r\n${file}\r\n\r\n`;
    for (let count = 0; count < 100; count++) yield block;
    yield `\r\n--${boundary}--\r\n`;
  };
  const before = process.memoryUsage().arrayBuffers;
  const answer = await uploadForm(feed.url, chunks());
  expect(JSON.parse(answer.text)).toEqual({ count: 100_000_000, texts: [] });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
});

test("a file for a field of bytes is a stream too; bytes without a file name are one value", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async importBytes(requests) {
      seen.push(...(await Array.fromAsync(requests)));
      return { count: seen.length };
    },
  });
  const body = formBody([named("checksum"), "c"], [named("data", "; filename=a"), "x".repeat(200_000)]);
  const answer = await callHttp2(feed.url, "POST /v1/feeds/7/bytes", { headers: formType, body: Buffer.from(body) });
  expect([answer.status, seen[0]]).toMatchObject([200, { id: "7", checksum: base64("c") }]);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.slice(1).filter((request) => Object.keys(request).join() !== "data")).toEqual([]);
  const data = seen.map((request) => Buffer.from(String(request.data), "base64").toString()).join("");
  expect(data).toBe("x".repeat(200_000));
});

test("a form without a file is one request, an empty file too", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async importForm(requests) {
      for await (const request of requests) seen.push(request);
      return {};
    },
  });
  await call(feed.url, forms, { headers: formType, body: formBody([named("name"), "a"]) });
  await call(feed.url, forms, { headers: formType, body: formBody([file, ""]) });
  await call(feed.url, forms, { headers: formType, body: formBody() });
  expect(seen).toEqual([{ id: "7", name: "a" }, { id: "7", file: { contentType: "text/csv" } }, { id: "7" }]);
});

test("several files come one after the other, each for its own field", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async importBytes(requests) {
      for await (const request of requests) seen.push(request);
      return {};
    },
  });
  const [data, picture] = [randomBytes(300_000), randomBytes(200_000)];
  const body = new FormData();
  body.set("cover.colour", "red");
  body.set("data", new Blob([data]), "a");
  body.set("preview", new Blob(["x"], { type: "image/png" }), "b.png");
  body.set("cover.picture", new Blob([picture]), "c");
  expect((await fetch(`${feed.url}/v1/feeds/7/bytes`, { method: "POST", body })).status).toBe(200);
  const [first, ...more] = seen;
  expect(first).toMatchObject({ id: "7", cover: { colour: "red" } });
  const names = more.map((request) => Object.keys(request).join());
  expect(names.filter((name, index) => name !== names[index - 1])).toEqual(["data", "preview", "cover"]);
  expect(seen.flatMap(({ preview }) => preview ?? [])).toEqual([{ contentType: "image/png", data: base64("x") }]);
  const bytesOf = (read: (request: JsonObject) => unknown) =>
    Buffer.concat(seen.map((request) => Buffer.from(String(read(request) ?? ""), "base64")));
  expect(bytesOf(({ data }) => data).equals(data)).toBe(true);
  expect(bytesOf(({ cover }) => (cover as JsonObject | undefined)?.picture).equals(picture)).toBe(true);
  seen.length = 0;
  // As browsers send an input in which nobody has chosen a file.
  const unchosen = formBody([named("data", "; filename=a"), "x"], [named("checksum", '; filename=""'), ""]);
  await call(feed.url, "POST /v1/feeds/7/bytes", { headers: formType, body: unchosen });
  expect(seen).toEqual([{ id: "7", data: base64("x") }]);
});

test("nothing else may come after a file, and no second file of its field", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  for (const [part, why] of [
    [named("name"), "name: comes after a file, which the service reads already: put it before"],
    [file, "file: is given more than once: in a stream each field has one file"],
  ] as const) {
    const answer = await call(feed.url, forms, { headers: formType, body: formBody([file, "a,b"], [part, "a"]) });
    expect([answer.status, answer.json()]).toMatchObject([400, { message: why }]);
  }
  expect(taken.outcomes).not.toContain("whole");
});

test("parts beside the file are bounded, and a file that has no room beside them comes after them", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    config: { maxBodyBytes: 2_000 },
    async importForm(requests) {
      seen.push(...(await Array.fromAsync(requests)));
      return {};
    },
  });
  const large = formBody([named("name"), "x".repeat(1_500)], [named("file"), "y".repeat(600)]);
  const refused = await call(feed.url, forms, { headers: formType, body: large });
  expect([refused.status, refused.text]).toEqual([413, expect.stringContaining("larger than 2000 bytes")]);
  const beside = formBody([named("name"), "x".repeat(1_500)], [file, "y".repeat(600)]);
  expect((await call(feed.url, forms, { headers: formType, body: beside })).status).toBe(200);
  expect(seen.map(({ name, file }) => [String(name ?? "").length, file])).toEqual([
    [1_500, { contentType: "text/csv" }],
    [0, { data: base64("y".repeat(600)) }],
  ]);
});

test("a form that breaks off, or goes wrong after its file has begun, never reaches the service as a whole", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  const whole = formBody([named("name"), "cat"], [file, "x".repeat(100_000)]);
  const broken = [whole.slice(0, -boundary.length), whole.slice(0, -2).replace(/--$/, "\r\n"), `${whole}more`];
  for (const [index, body] of broken.entries()) {
    const answer = await call(feed.url, forms, { headers: formType, body });
    expect([answer.status, answer.json()]).toMatchObject([400, { details: [{ fieldViolations: [{}] }] }]);
    await expect.poll(() => taken.outcomes.length).toBe(2 * index + 1);
    const http2 = await callHttp2(feed.url, forms, { headers: formType, body: Buffer.from(body) });
    expect(http2.status).toBe(400);
    await expect.poll(() => taken.outcomes.length).toBe(2 * index + 2);
  }
  expect(taken.outcomes).toEqual(Array.from({ length: 6 }, () => "cut true"));
});

test("a client that leaves in the middle of a file cancels the call", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  const request = httpRequest(`${feed.url}/v1/feeds/7/forms`, { method: "POST", headers: formType, agent: false });
  request.on("error", () => undefined);
  request.write(`--${boundary}\r\n${file}\r\n\r\n${"x".repeat(100_000)}`);
  await expect.poll(() => taken.size).toBeGreaterThan(0);
  request.destroy();
  await expect.poll(() => taken.outcomes).toEqual(["cut true"]);
});

test("a part that never ends, and headers that never end, are ended", async () => {
  const taken = takingFiles();
  await using feed = await startFeed({
    ...taken,
    config: { streams: { openAfterMs: 1, heartbeatMs: 0, idleTimeoutMs: 1_000 } },
  });
  const stalling = async function* () {
    yield `--${boundary}\r\n${file}\r\n\r\nabc${"x".repeat(100)}`;
    await new Promise<never>(() => undefined);
  };
  const stalled = await uploadForm(feed.url, stalling());
  expect([stalled.status, stalled.text]).toEqual([504, expect.stringContaining("nothing has moved")]);
  await expect.poll(() => taken.outcomes).toEqual(["cut true"]);
  const endless = async function* () {
    yield `--${boundary}\r\n`;
    for (;;) yield `X-${"a".repeat(1_000)}: b\r\n`;
  };
  const refused = await uploadForm(feed.url, endless()).catch((error: unknown) => error);
  expect(refused).toMatchObject({ status: 400, text: expect.stringContaining("headers of a part are larger") });
});

test("a name that leads nowhere is refused before any message reaches the service", async () => {
  const taken = takingFiles();
  await using feed = await startFeed(taken);
  const wrong = formBody([named("nam"), "cat"], [file, "x"]);
  const answer = await call(feed.url, forms, { headers: formType, body: wrong });
  expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('did you mean \\"name\\"?')]);
  expect(taken.firsts).toEqual([]);
});
