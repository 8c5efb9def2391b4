import fc from "fast-check";
import { expect, test } from "vitest";
import { searchQuery } from "./search-words.ts";

test.each([
  ["", ""],
  ["  \t", ""],
  ["& | ! ' \\ \u0000", ""],
  ["mug", "'mug':*"],
  ["Enamel mu", "'Enamel' & 'mu':*"],
  ["cast-iron", "'cast' & 'iron':*"],
  ["don't:*", "'don' & 't':*"],
  ["Käse 茶", "'Käse' & '茶':*"],
])("searchQuery(%j) is %j", (typed, expected) => {
  expect(searchQuery(typed)).toBe(expected);
});

test("any input leaves only quoted words", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (typed) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be left
      expect(searchQuery(typed)).toMatch(/^(|'[^'\\\s\u0000]+'( & '[^'\\\s\u0000]+')*:\*)$/);
    }),
  );
});
