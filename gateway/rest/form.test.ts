import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { callHttp2, startFeed } from "../feed.fixture.ts";
import { base64, boundary, formBody, formType, named } from "../form.fixture.ts";
import { call, testConfig } from "../library.fixture.ts";

const posts = "POST /v1/feeds/7/posts";
const json = "\r\nContent-Type: application/json";
const { rest, guard } = testConfig();

test("a form makes the same request as JSON: text, JSON, bytes and files by the names of their fields", async () => {
  await using feed = await startFeed();
  const body = new FormData();
  body.set("title", "Über\r\nall");
  body.append("numbers", "1");
  body.append("numbers", "-2");
  body.set("entry.version", "9007199254740993");
  body.append("entries", new Blob(['{"text":"a"}'], { type: "application/json" }));
  body.append("entries", new Blob(['{"version":"2","unknown":1}'], { type: "application/json" }));
  body.set("labels", new Blob(['{"a":"b"}'], { type: "application/json; charset=utf-8" }));
  body.set("picture", new Blob(["\u0000\u00ff"]), 'a "quoted" \\ näme.bin');
  body.set("file", new Blob(["cat"], { type: "image/png" }), "cat.png");
  body.append("files", new Blob(["one"], { type: "text/csv; charset=latin1" }), "one.csv");
  body.append("files", new Blob([""], { type: "text/csv" }), "none.csv");
  body.set("cover.colour", "red");
  body.set("cover.picture", new Blob(["red"]));
  body.set("blob", "as it is");
  const posted = {
    title: "Über\r\nall",
    numbers: [1, -2],
    entry: { version: "9007199254740993" },
    entries: [{ text: "a" }, { version: "2" }],
    labels: { a: "b" },
    picture: base64("\u0000\u00ff"),
    file: { contentType: "image/png", data: base64("cat") },
    files: [
      { contentType: "text/csv; charset=latin1", data: base64("one") },
      { contentType: "text/csv", data: "" },
    ],
    cover: { colour: "red", picture: base64("red") },
    blob: base64("as it is"),
  };
  const answer = await fetch(`${feed.url}/v1/feeds/7/posts`, { method: "POST", body });
  const same = await call(feed.url, posts, { body: JSON.stringify(posted) });
  expect([answer.status, await answer.json()]).toEqual([200, same.json()]);
  expect(same.json()).toMatchObject({ id: "7", ...posted });
});

test("where the body is a field, parts are named within it, and the query has its own", async () => {
  await using feed = await startFeed();
  const body = Buffer.from(formBody([named("title"), "a"], [named("picture"), "b"]));
  const answer = await callHttp2(feed.url, "PUT /v1/feeds/7/posts/9?draft=true", { headers: formType, body });
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
    200,
    { id: "7", draft: true, post: { id: "9", title: "a", picture: base64("b") } },
  ]);
  const wrong: [part: [string, string], message: string][] = [
    [[named("id"), "8"], "is given by the path"],
    [[named("draft"), "true"], "no such part"],
    [[named("post.title"), "a"], "no such part"],
  ];
  for (const [part, message] of wrong) {
    const refused = await call(feed.url, "PUT /v1/feeds/7/posts/9", { headers: formType, body: formBody(part) });
    expect([part, refused.status, refused.text]).toEqual([part, 400, expect.stringContaining(message)]);
  }
});

test("parts that do not fit are refused, with their source and name", async () => {
  await using feed = await startFeed({
    config: {
      maxBodyBytes: 3_000,
      rest: { ...rest, mapping: { ...rest.mapping, maxDepth: 5, maxQueryParameters: 3 } },
    },
  });
  const title = (value: string): [string, string] => [named("title"), value];
  const refused: [parts: [string, string][], status: number, message: string][] = [
    [[[named("titel"), "a"]], 400, '"form: no such part; did you mean \\"title\\"?"'],
    [[[named("entry.txt"), "a"]], 400, '"form: no such part'],
    [[[named("qqqq"), "a"]], 400, "known are title, numbers"],
    [[[named("id"), "8"]], 400, '"form: is given by the path"'],
    [[[named("numbers"), "one"]], 400, '"form: expected a whole number'],
    [[title("a"), title("b")], 400, "more than once"],
    [[[named("entry"), "a"]], 400, "expected application/json, not text"],
    [[[`${named("entry")}${json}`, '{"version":"x"}']], 400, '"form: expected bigint'],
    [[[`${named("entry")}${json}`, "{"]], 400, "the form is not JSON"],
    [[[`${named("entry")}${json}`, "[[[[[[1]]]]]]"]], 400, "the form nests deeper than 5 levels"],
    [
      [
        [`${named("entry")}${json}`, '{"text":"a"}'],
        [named("entry.text"), "b"],
      ],
      400,
      "more than once",
    ],
    [
      [
        [named("entry.text"), "b"],
        [`${named("entry")}${json}`, '{"text":"a"}'],
      ],
      400,
      "more than once",
    ],
    [[[`${named("numbers")}${json}`, "1, 2"]], 400, "the form is not JSON"],
    [[[`${named("title")}\r\nContent-Type: image/png`, "a"]], 400, "expected text/plain or application/json"],
    [[[`${named("title")}\r\nContent-Type: text/plain; charset=latin1`, "a"]], 400, "is not in UTF-8"],
    [
      [
        [named("blob"), "a"],
        [named("link"), "b"],
      ],
      400,
      "excludes blob",
    ],
    [[title("x".repeat(3_000))], 413, "larger than"],
    [[title("a"), ...Array.from({ length: 3 }, (): [string, string] => [named("numbers"), "1"])], 400, "3 parts"],
    [[[named("a.b.c.d.e.f"), "a"]], 400, "more than 5 steps deep"],
  ];
  for (const [parts, status, message] of refused) {
    const answer = await call(feed.url, posts, { headers: formType, body: formBody(...parts) });
    expect([parts, answer.status, answer.text]).toEqual([parts, status, expect.stringContaining(message)]);
  }
  const nested = await call(feed.url, posts, { headers: formType, body: formBody([named("Title"), "a"]) });
  expect(nested.json()).toMatchObject({
    details: [{ fieldViolations: [{ field: "Title", description: expect.stringMatching(/^form: no such part/) }] }],
  });
});

test("a field that is named otherwise than in the contract is named as it was written", async () => {
  await using feed = await startFeed();
  const answer = await call(feed.url, "PUT /v1/feeds/7/posts/9", {
    headers: formType,
    body: formBody([named("numbers"), "x"]),
  });
  expect(answer.json()).toMatchObject({
    details: [{ fieldViolations: [{ field: "post.numbers", description: expect.stringMatching(/^form: numbers: /) }] }],
  });
});

test("a body that is no whole form is refused", async () => {
  await using feed = await startFeed();
  const whole = formBody([named("file"), "a"]);
  const head = `--${boundary}\r\n`;
  const tail = `\r\n--${boundary}--\r\n`;
  const refused: [body: string, message: string][] = [
    ["", "ends before its last boundary"],
    [whole.slice(0, -boundary.length), "ends before its last boundary"],
    [whole.slice(0, 40), "ends before its last boundary"],
    [whole.replace(/--\r\n$/, "\r\n"), "ends before its last boundary"],
    ["title=a", "ends before its last boundary"],
    [`${"a".repeat(200)}\r\n${whole}`, "does not begin with its boundary"],
    [whole.replaceAll(boundary, "another-boundary-that-is-longer"), "does not begin with its boundary"],
    [`${whole}${whole}`, "something follows the form"],
    [`--${boundary}x\r\n${named("file")}\r\n\r\na${tail}`, "a boundary is followed by something else"],
    [`${head}\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}Content-Type: a/b\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}Content-Disposition: form-data\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}${named("")}\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}Content-Disposition: attachment; name="title"\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}${named("file", '; name="numbers"')}\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}${named("file", "; filename=a b")}\r\n\r\na${tail}`, "lacks a Content-Disposition"],
    [`${head}${named("file")}\r\n${named("numbers")}\r\n\r\na${tail}`, "lines that are no headers"],
    [`${head}no header\r\n${named("file")}\r\n\r\na${tail}`, "lines that are no headers"],
    [`${head}${named("file")}\r\n folded: a\r\n\r\na${tail}`, "lines that are no headers"],
    [`${head}${named("ti\ntle")}\r\n\r\na${tail}`, "lines that are no headers"],
    [`${head}${named("file")}\r\n--${boundary}--\r\n\r\n`, "lines that are no headers"],
    [`${head}X: ${"a".repeat(17_000)}\r\n${named("file")}\r\n\r\na${tail}`, "headers of a part are larger"],
    [`${head}${named("file")}\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==${tail}`, "is encoded as base64"],
    [
      `${head}${named("files")}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b--${tail}`,
      "holds parts itself",
    ],
  ];
  for (const [body, message] of refused) {
    for (const path of ["/v1/feeds/7/posts", "/v1/feeds/7/forms"]) {
      const answer = await call(feed.url, `POST ${path}`, { headers: formType, body });
      expect([body, answer.status, answer.text]).toEqual([body, 400, expect.stringContaining(message)]);
    }
  }
  const types = [
    "",
    "; boundary",
    "; boundary=",
    '; boundary=""',
    `; boundary=${"a".repeat(71)}`,
    "; boundary=a; boundary=b",
  ];
  for (const more of types) {
    const headers = { "content-type": `multipart/form-data${more}` };
    const answer = await call(feed.url, posts, { headers, body: whole });
    expect([more, answer.status, answer.text]).toEqual([more, 400, expect.stringContaining("lacks a boundary")]);
  }
});

test("what a form may leave out or put around its parts is as good", async () => {
  await using feed = await startFeed();
  const headers = { "content-type": `Multipart/Form-Data; charset=utf-8; boundary="${boundary}"` };
  const loose = `\r\n--${boundary}\r\ncontent-disposition:form-data;filename="a; name=b";name=title\r\n\r\na\r\n--${boundary}--`;
  expect((await call(feed.url, posts, { headers, body: loose })).json()).toMatchObject({ id: "7", title: "a" });
  const empty = await call(feed.url, posts, { headers, body: `--${boundary}--` });
  expect([empty.status, empty.json()]).toMatchObject([200, { id: "7", title: "" }]);
  // A browser's form in which nobody has chosen a file.
  const unchosen = formBody([`${named("file", '; filename=""')}\r\nContent-Type: application/octet-stream`, ""]);
  expect((await call(feed.url, posts, { headers, body: unchosen })).json()).not.toHaveProperty("file");
});

test("forms are taken where there is a place for a file, and elsewhere it is said what is", async () => {
  await using feed = await startFeed();
  const form = { headers: formType, body: formBody([named("text"), "a"]) };
  const noForm = await call(feed.url, "POST /v1/feeds/7/notes", form);
  expect([noForm.status, noForm.headers["accept-post"]]).toEqual([415, "application/json"]);
  const patch = await call(feed.url, "PATCH /v1/feeds/7/posts", form);
  expect([patch.status, patch.headers["accept-patch"]]).toEqual([415, "application/json"]);
  const stream = await call(feed.url, "POST /v1/feeds/7/entries", form);
  expect([stream.status, stream.headers["accept-post"]]).toEqual([415, "application/x-ndjson, application/json"]);
  const other = { headers: { "content-type": "text/plain" }, body: "a" };
  const takes = await call(feed.url, posts, other);
  expect([takes.status, takes.headers["accept-post"]]).toEqual([415, "application/json, multipart/form-data"]);
  const streams = await call(feed.url, "POST /v1/feeds/7/forms", other);
  expect([streams.status, streams.headers["accept-post"]]).toEqual([
    415,
    "application/x-ndjson, application/json, multipart/form-data",
  ]);
});

test("a form that is an HttpBody's is not taken apart", async () => {
  const seen: JsonObject[] = [];
  await using feed = await startFeed({
    async importFile(requests) {
      seen.push(...(await Array.fromAsync(requests)));
      return {};
    },
  });
  const body = formBody([named("text"), "a"]);
  await call(feed.url, "POST /v1/files", { headers: formType, body });
  expect(seen).toEqual([{ contentType: formType["content-type"], data: base64(body) }]);
});

test("a violation that the service finds names the form", async () => {
  await using feed = await startFeed({
    async post() {
      const error = new ConnectError("no", Code.InvalidArgument);
      const fieldViolations = ["title", "id"].map((field) => ({ field, description: "bad" }));
      error.details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
      throw error;
    },
  });
  const answer = await call(feed.url, posts, { headers: formType, body: formBody([named("title"), "a"]) });
  expect(answer.json()).toMatchObject({
    details: [{ fieldViolations: [{ description: "form: bad" }, { description: "path: bad" }] }],
  });
});

test("X-Explain shows what each part was bound to", async () => {
  await using feed = await startFeed({ config: { rest: { ...rest, explain: true } } });
  const headers = { ...formType, "x-explain": "1" };
  const body = formBody([named("title"), "a"], [`${named("picture")}\r\nContent-Type: image/png`, "abc"]);
  const answer = await call(feed.url, "PUT /v1/feeds/7/posts/9", { headers, body });
  expect(answer.json()).toMatchObject({
    bindings: [
      { source: "path", field: "id", value: "7" },
      { source: "path", field: "post.id", value: "9" },
      { source: "form", written: "title", field: "post.title", value: "a" },
      { source: "form", written: "picture", field: "post.picture", value: "3 bytes of image/png" },
    ],
    request: { post: { title: "a", picture: base64("abc") } },
  });
});

test("the same form with the same Idempotency-Key has its effect once, whatever its boundary", async () => {
  let calls = 0;
  await using feed = await startFeed({
    config: { guard },
    post: async (request) => ({ ...request, title: `${++calls}` }),
  });
  const send = (text: string) => {
    const body = new FormData();
    body.set("picture", new Blob([text]), "a.png");
    return fetch(`${feed.url}/v1/feeds/7/posts`, { method: "POST", body, headers: { "idempotency-key": "one" } });
  };
  const first = await send("a");
  const again = await send("a");
  expect([first.status, await first.json()]).toEqual([200, await again.json()]);
  expect([again.headers.get("idempotent-replayed"), (await send("b")).status, calls]).toEqual(["true", 422, 1]);
});
