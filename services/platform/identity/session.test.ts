import { expect, test } from "vitest";
import { judgeRefresh } from "./session.ts";

const now = new Date("2026-01-01T00:00:00Z");
const before = new Date(now.getTime() - 1);
const after = new Date(now.getTime() + 1);

test("an unused token continues its session until it expires", () => {
  expect(judgeRefresh({ useTime: null, expireTime: after }, now)).toBe("rotate");
  expect(judgeRefresh({ useTime: null, expireTime: now }, now)).toBe("expired");
  expect(judgeRefresh({ useTime: null, expireTime: before }, now)).toBe("expired");
});

test("a used token ends its session, expired or not", () => {
  expect(judgeRefresh({ useTime: before, expireTime: after }, now)).toBe("revoke");
  expect(judgeRefresh({ useTime: before, expireTime: before }, now)).toBe("revoke");
});
