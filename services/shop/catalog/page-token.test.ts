import fc from "fast-check";
import { expect, test } from "vitest";
import { CatalogErrorReason } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";

const position = fc.record({ name: fc.string({ unit: "grapheme", minLength: 1 }), id: fc.uuid() });
const filter = fc.record({ query: fc.string({ unit: "grapheme" }), category: fc.string() });
const refused = expect.objectContaining({ reason: CatalogErrorReason.PAGE_TOKEN_INVALID });

test("a token leads back to its position", () => {
  fc.assert(
    fc.property(position, filter, (at, of) => {
      expect(parsePageToken(formatPageToken(at, of), of)).toEqual(at);
    }),
  );
});

test("an empty token is the first page", () => {
  expect(parsePageToken("", { query: "", category: "" })).toBeUndefined();
});

test("a token is refused for any other filter", () => {
  fc.assert(
    fc.property(position, filter, filter, (at, of, other) => {
      fc.pre(of.query !== other.query || of.category !== other.category);
      expect(() => parsePageToken(formatPageToken(at, of), other)).toThrow(refused);
    }),
  );
});

test("a token with any character changed is refused", () => {
  fc.assert(
    fc.property(position, filter, fc.nat(), fc.constantFrom("A", "b", "9", "-", " "), (at, of, where, character) => {
      const token = formatPageToken(at, of);
      const index = where % token.length;
      const changed = token.slice(0, index) + character + token.slice(index + 1);
      fc.pre(changed !== token);
      expect(() => parsePageToken(changed, of)).toThrow(refused);
    }),
  );
});

test("anything else is refused", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), filter, (token, of) => {
      expect(() => parsePageToken(token, of)).toThrow(refused);
    }),
  );
});
