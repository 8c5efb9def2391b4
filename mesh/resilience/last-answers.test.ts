import { expect, it } from "vitest";
import { createLastAnswers } from "./last-answers.ts";

it("knows the last answer until it is too old, and no more than it may keep", () => {
  const answers = createLastAnswers<string>(2);
  answers.put("a", "old", 0);
  answers.put("a", "new", 10);
  expect(answers.get("a", 100, 110)).toEqual({ answer: "new", ageMs: 100 });
  expect(answers.get("a", 100, 111)).toBeUndefined();
  answers.put("a", "1", 200);
  answers.put("b", "2", 200);
  answers.put("a", "3", 200);
  answers.put("c", "4", 200);
  expect(["a", "b", "c"].map((key) => answers.get(key, 10, 200)?.answer)).toEqual(["3", undefined, "4"]);
});
