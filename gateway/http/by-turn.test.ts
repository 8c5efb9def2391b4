import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { byTurn } from "./by-turn.ts";

test("what arrives in one turn is handed on together and in its order, what comes of it in the next", async () => {
  const handed: string[] = [];
  const handOn = byTurn<string>((thing) => {
    handed.push(thing);
    if (thing === "a") handOn("of a");
  });
  handOn("a");
  await Promise.resolve();
  handOn("b");
  expect(handed).toEqual([]);
  await turn();
  expect(handed).toEqual(["a", "b"]);
  await turn();
  expect(handed).toEqual(["a", "b", "of a"]);
});
