import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { after } from "./after.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("rings once, after so long", () => {
  const ring = vi.fn();
  after(1_000, ring);
  vi.advanceTimersByTime(999);
  expect(ring).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(ring).toHaveBeenCalledOnce();
});

test("does not ring once it is called off", () => {
  const ring = vi.fn();
  after(1_000, ring)();
  expect(vi.getTimerCount()).toBe(0);
});

test("does not ring at once for a time that is longer than timers can be", () => {
  after(2 ** 31, vi.fn())();
  expect(vi.getTimerCount()).toBe(0);
  const ring = vi.fn();
  after(2 ** 31, ring);
  vi.advanceTimersByTime(60_000);
  expect(ring).not.toHaveBeenCalled();
});
