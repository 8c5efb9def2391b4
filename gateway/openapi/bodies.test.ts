import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { type FeedOptions, startFeed } from "../feed.fixture.ts";
import { call } from "../library.fixture.ts";
import { schemaChecker } from "./ajv.fixture.ts";

/** The document of the feed's gateway. */
async function documentOf(feed: { readonly url: string }) {
  // biome-ignore lint/suspicious/noExplicitAny: a document is read as its readers do, who have no types for it.
  const document: any = (await call(feed.url, "GET /openapi.json")).json();
  const result = await new Validator().validate(structuredClone(document));
  expect(result.valid || result.errors).toBe(true);
  return document;
}

const file = { type: "string", contentMediaType: "application/octet-stream" };

test("a form is described where it is taken: a part for each field, files as bytes", async () => {
  await using feed = await startFeed();
  const { paths } = await documentOf(feed);
  const { post, patch } = paths["/v1/feeds/{id}/posts"];
  expect(Object.keys(post.requestBody.content)).toEqual(["application/json", "multipart/form-data"]);
  const { schema, encoding } = post.requestBody.content["multipart/form-data"];
  expect(schema.properties).toMatchObject({
    title: { type: "string" },
    entry: { $ref: "#/components/schemas/test.feed.v1.Entry" },
    picture: file,
    file,
    files: { type: "array", items: file },
    "cover.picture": file,
  });
  expect(schema.properties).not.toHaveProperty("id");
  expect(Object.keys(encoding)).toEqual(["picture", "file", "files", "blob", "cover.picture"]);
  expect(encoding.file).toEqual({ contentType: "*/*" });
  // In JSON they are what ProtoJSON makes of them.
  const json = post.requestBody.content["application/json"].schema;
  expect(json.properties.picture).toEqual({ type: "string", contentEncoding: "base64" });
  expect(Object.keys(patch.requestBody.content)).toEqual(["application/json"]);
  expect(Object.keys(paths["/v1/feeds/{id}/notes"].post.requestBody.content)).toEqual(["application/json"]);
  const within = paths["/v1/feeds/{id}/posts/{postId}"] ?? paths["/v1/feeds/{id}/posts/{post.id}"];
  const { properties } = within.put.requestBody.content["multipart/form-data"].schema;
  expect([Object.keys(properties).includes("id"), properties.title]).toEqual([false, { type: "string" }]);
});

test("a stream of requests is described as lines and as an array, bytes as bytes", async () => {
  await using feed = await startFeed();
  const document = await documentOf(feed);
  const { requestBody } = document.paths["/v1/feeds/{id}/entries"].post;
  expect(Object.keys(requestBody.content)).toEqual(["application/x-ndjson", "application/json"]);
  const line = requestBody.content["application/x-ndjson"].schema;
  expect(requestBody.content["application/json"].schema).toEqual({ type: "array", items: line });
  expect([requestBody.required, requestBody.description]).toEqual([
    true,
    "A stream: one message a line, or one an element.",
  ]);
  const forms = document.paths["/v1/feeds/{id}/forms"].post.requestBody;
  expect(Object.keys(forms.content)).toEqual(["application/x-ndjson", "application/json", "multipart/form-data"]);
  expect(forms.description).toContain("Files come last");
  expect(Object.keys(document.paths["/v1/files"].post.requestBody.content)).toEqual(["*/*"]);
});

test("what a body is described as is what is taken", async () => {
  const append: FeedOptions["append"] = async (requests) => ({ count: (await Array.fromAsync(requests)).length });
  await using feed = await startFeed({ append });
  const document = await documentOf(feed);
  const faultsOf = schemaChecker(document);
  const at = ["paths", "/v1/feeds/{id}/entries", "post", "requestBody", "content"];
  const messages = [{ text: "a", tags: ["b"] }, {}];
  expect(faultsOf(messages, ...at, "application/json", "schema")).toEqual([]);
  for (const message of messages) expect(faultsOf(message, ...at, "application/x-ndjson", "schema")).toEqual([]);
  const array = await call(feed.url, "POST /v1/feeds/7/entries", { body: JSON.stringify(messages) });
  const lines = await call(feed.url, "POST /v1/feeds/7/entries", {
    headers: { "content-type": "application/x-ndjson" },
    body: messages.map((message) => JSON.stringify(message)).join("\n"),
  });
  expect([array.json(), lines.json()]).toMatchObject([{ count: 2 }, { count: 2 }]);
});

test("each part that a form is described with is taken", async () => {
  await using feed = await startFeed();
  const { paths } = await documentOf(feed);
  const { schema } = paths["/v1/feeds/{id}/posts"].post.requestBody.content["multipart/form-data"];
  const json = (text: string) => new Blob([text], { type: "application/json" });
  const values: Record<string, string | Blob> = {
    ...{ title: "a", numbers: "1", entry: json("{}"), entries: json("{}"), labels: json("{}") },
    ...{ picture: new Blob(["a"]), file: new Blob(["a"]), files: new Blob(["a"]), cover: json("{}"), blob: "a" },
    ...{ link: "a", "cover.picture": new Blob(["a"]) },
  };
  expect(Object.keys(schema.properties).toSorted()).toEqual(Object.keys(values).toSorted());
  for (const [name, value] of Object.entries(values)) {
    const body = new FormData();
    body.set(name, value);
    const answer = await fetch(`${feed.url}/v1/feeds/7/posts`, { method: "POST", body });
    expect([name, answer.status]).toEqual([name, 200]);
  }
});
