import { expect, test } from "vitest";
import { childTrace, formatTraceparent, newTrace, parseTraceparent } from "./trace-context.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

test.each([
  [`00-${trace}-${span}-01`, { traceId: trace, spanId: span, sampled: true, random: false }],
  [`00-${trace}-${span}-00`, { traceId: trace, spanId: span, sampled: false, random: false }],
  [`00-${trace}-${span}-03`, { traceId: trace, spanId: span, sampled: true, random: true }],
  [`cc-${trace}-${span}-01-what-the-future-holds`, { traceId: trace, spanId: span, sampled: true, random: false }],
])("%s is read", (header, expected) => {
  expect(parseTraceparent(header)).toEqual(expected);
});

test.each([
  null,
  undefined,
  "",
  `ff-${trace}-${span}-01`,
  `00-${trace}-${span}-01-more`,
  `00-${"0".repeat(32)}-${span}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${trace}-${span}`,
])("%s is no trace", (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test("a trace survives formatting and parsing", () => {
  const started = newTrace();
  expect(parseTraceparent(formatTraceparent(started))).toEqual(started);
});

test("a child keeps the trace and has its own span", () => {
  const started = newTrace();
  const child = childTrace(started);
  expect(child.traceId).toBe(started.traceId);
  expect(child.spanId).not.toBe(started.spanId);
  expect(child.sampled).toBe(true);
});
