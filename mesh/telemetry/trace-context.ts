import { randomHex } from "./random-hex.ts";

/** A span of a trace, as the W3C Trace Context names it (https://www.w3.org/TR/trace-context-2/). */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller may have recorded the trace. */
  readonly sampled: boolean;
  /** Level 2: whether the right half of the trace id is random. Handed on unchanged. */
  readonly random?: boolean;
}

const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 1;
const RANDOM = 2;

/**
 * Reads a "traceparent" header. Undefined for none and for one that the specification calls invalid, which starts a
 * new trace. Later versions are read as version 00 with more behind it, as the specification asks.
 */
export function parseTraceparent(header: string | null | undefined): TraceContext | undefined {
  const match = header ? PATTERN.exec(header.trim()) : null;
  if (!match) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  const bits = Number.parseInt(flags, 16);
  return { traceId, spanId, sampled: (bits & SAMPLED) !== 0, random: (bits & RANDOM) !== 0 };
}

/** Writes a "traceparent" header, version 00. */
export function formatTraceparent(trace: TraceContext): string {
  const bits = (trace.sampled ? SAMPLED : 0) | (trace.random ? RANDOM : 0);
  return `00-${trace.traceId}-${trace.spanId}-0${bits}`;
}

/** Starts a trace, sampled. */
export function newTrace(): TraceContext {
  return { traceId: nonZero(16, NO_TRACE), spanId: nonZero(8, NO_SPAN), sampled: true, random: true };
}

/** A new span of the same trace. */
export function childTrace(trace: TraceContext): TraceContext {
  return {
    traceId: trace.traceId,
    spanId: nonZero(8, NO_SPAN),
    sampled: trace.sampled,
    random: trace.random ?? false,
  };
}

function nonZero(byteCount: number, zero: string): string {
  const id = randomHex(byteCount);
  return id === zero ? nonZero(byteCount, zero) : id;
}
