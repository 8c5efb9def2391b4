import { expect, test } from "vitest";
import { formatPageToken, parsePageToken } from "./page-token.ts";

const lastId = "0198a7b2-0000-7000-8000-000000000001";

test("a token leads back into its own list only", () => {
  expect(parsePageToken("ada", formatPageToken("ada", lastId))).toBe(lastId);
  expect(parsePageToken(undefined, formatPageToken(undefined, lastId))).toBe(lastId);
  expect(parsePageToken("ada", "")).toBeUndefined();
  expect(() => parsePageToken("bob", formatPageToken("ada", lastId))).toThrow();
  expect(() => parsePageToken(undefined, formatPageToken("ada", lastId))).toThrow();
});

test.each(["nonsense", "W10", formatPageToken("ada", "1' or true"), `${formatPageToken("ada", lastId)}=`])(
  "%s is no token",
  (token) => {
    expect(() => parsePageToken("ada", token)).toThrow();
  },
);
