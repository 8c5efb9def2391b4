import { expect, test } from "vitest";
import { addHeaders, SentMetadata } from "./metadata.ts";

test("binary metadata leaves without padding, in the copies that grpc-js makes too", () => {
  const headers = new Headers([
    ["one-bin", "YQ=="],
    ["one-bin", "YWI="],
    ["other-bin", "YWJj"],
    ["text", "a=b=="],
  ]);
  const sent = addHeaders(new SentMetadata(), headers);
  const expected = { "one-bin": ["YQ", "YWI"], "other-bin": ["YWJj"], text: "a=b==" };
  expect(sent.toHttp2Headers()).toEqual(expected);
  expect(sent.clone().toHttp2Headers()).toEqual(expected);
});
