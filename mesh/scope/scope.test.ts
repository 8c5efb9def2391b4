import { expect, test } from "vitest";
import { newTrace } from "#mesh/telemetry";
import { currentScope, runInScope, runOutsideScope, type Scope } from "./scope.ts";

function scopeOf(requestId: string): Scope {
  return {
    signal: new AbortController().signal,
    deadline: undefined,
    trace: newTrace(),
    authorization: undefined,
    requestId,
  };
}

test("there is no scope outside of a unit of work", () => {
  expect(currentScope()).toBeUndefined();
});

test("a scope follows its own work across awaits", async () => {
  const work = async () => {
    const before = currentScope()?.requestId;
    await new Promise(setImmediate);
    return [before, currentScope()?.requestId];
  };
  const [first, second] = await Promise.all([runInScope(scopeOf("a"), work), runInScope(scopeOf("b"), work)]);
  expect(first).toEqual(["a", "a"]);
  expect(second).toEqual(["b", "b"]);
});

test("an inner scope ends with its work", () => {
  runInScope(scopeOf("outer"), () => {
    runInScope(scopeOf("inner"), () => expect(currentScope()?.requestId).toBe("inner"));
    expect(currentScope()?.requestId).toBe("outer");
  });
});

test("shared work leaves the scope of the one who asked", () => {
  runInScope(scopeOf("asker"), () => runOutsideScope(() => expect(currentScope()).toBeUndefined()));
});
