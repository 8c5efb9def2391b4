import { expect, test } from "vitest";
import { Ending } from "./ending.ts";

test("an ending tells those who still listen, in their order, once", () => {
  const ending = new Ending();
  const told: string[] = [];
  const gone = () => told.push("gone");
  ending.addEventListener("abort", () => {
    told.push("first");
    ending.removeEventListener("abort", second);
  });
  const second = () => told.push("second");
  ending.addEventListener("abort", gone);
  ending.addEventListener("abort", second);
  ending.removeEventListener("abort", gone);
  expect(ending.aborted).toBe(false);
  ending.abort();
  ending.abort();
  ending.addEventListener("abort", () => told.push("late"));
  expect(ending.aborted).toBe(true);
  expect(told).toEqual(["first", "second"]);
});
