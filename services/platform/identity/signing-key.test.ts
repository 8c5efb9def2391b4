import { describe, expect, test } from "vitest";
import { choosePublishedKeys, chooseSigningKey, planNextKey } from "./signing-key.ts";

const schedule = { rotateAfterMs: 1000, announceAheadMs: 100, keepMs: 50 };
const at = (ms: number) => new Date(ms);
const key = (activeMs: number) => ({ activeTime: at(activeMs) });
const [old, current, next] = [key(0), key(1000), key(2000)];

describe("chooseSigningKey", () => {
  test("is the newest that is active, in whatever order they come", () => {
    expect(chooseSigningKey([next, old, current], at(1500))).toBe(current);
    expect(chooseSigningKey([old, current, next], at(2000))).toBe(next);
  });

  test("is none before there is any", () => {
    expect(chooseSigningKey([], at(0))).toBeUndefined();
    expect(chooseSigningKey([key(1)], at(0))).toBeUndefined();
  });
});

describe("planNextKey", () => {
  test("the first key signs at once", () => {
    expect(planNextKey([], schedule, at(7))).toEqual(at(7));
  });

  test("the next is announced ahead and takes over on schedule", () => {
    expect(planNextKey([current], schedule, at(1899))).toBeUndefined();
    expect(planNextKey([current], schedule, at(1900))).toEqual(at(2000));
    expect(planNextKey([current, next], schedule, at(1950))).toBeUndefined();
  });

  test("one that is overdue, after a standstill, is announced ahead all the same", () => {
    expect(planNextKey([old], schedule, at(9000))).toEqual(at(9100));
  });
});

describe("choosePublishedKeys", () => {
  test("holds the signing key first, then the announced one", () => {
    expect(choosePublishedKeys([current, next], schedule, at(1950))).toEqual([current, next]);
  });

  test("holds a replaced key until its last token has expired", () => {
    expect(choosePublishedKeys([old, current], schedule, at(1049))).toEqual([current, old]);
    expect(choosePublishedKeys([old, current], schedule, at(1050))).toEqual([current]);
  });

  test("never drops the only key", () => {
    expect(choosePublishedKeys([old], schedule, at(1_000_000))).toEqual([old]);
  });
});
