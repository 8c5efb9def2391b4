import { Code } from "@connectrpc/connect";
import { badField, EdgeError } from "../http/edge-error.ts";
import { Gathered } from "../http/gathered.ts";
import type { HeldBytes } from "../http/held-bytes.ts";

/** Cuts a body into the texts of its messages, one at a time, without reading ahead by more than a chunk. */
export type SplitBody = (chunks: AsyncIterable<Buffer>, limits: SplitLimits) => AsyncIterable<Buffer>;

/** How much of a body may wait for the end of its message. */
export interface SplitLimits {
  /** Largest message, in bytes. */
  readonly limitBytes: number;
  readonly held: HeldBytes;
}

const nothing = Buffer.alloc(0);
const newline = 0x0a;
const quote = 0x22;
const comma = 0x2c;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** NDJSON: a message a line. Empty lines are passed over. Throws 413 for a line that is too long. */
export async function* splitLines(chunks: AsyncIterable<Buffer>, limits: SplitLimits): AsyncIterable<Buffer> {
  const line = createPiece(limits);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const text = line.take(chunk.subarray(start, end));
      if (!isBlank(text)) yield text;
      start = end + 1;
    }
    line.keep(chunk.subarray(start));
  }
  const text = line.take(nothing);
  if (!isBlank(text)) yield text;
}

/**
 * One JSON array: a message an element. What the elements are is for their parser to say. Throws 400 for anything but
 * one whole array, 413 for an element that is too long.
 */
export async function* splitArray(chunks: AsyncIterable<Buffer>, limits: SplitLimits): AsyncIterable<Buffer> {
  const element = createPiece(limits);
  const scan = { place: "before" as "before" | "within" | "after", depth: 0, inString: false, escaped: false };
  let count = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (scan.place !== "within") {
        if (isSpace(byte)) continue;
        if (scan.place === "after" || byte !== openList) throw noArray(scan.place);
        scan.place = "within";
        start = at + 1;
        continue;
      }
      if (!endsElement(scan, byte)) continue;
      const text = element.take(chunk.subarray(start, at));
      start = at + 1;
      if (byte === closeList) scan.place = "after";
      if (!isBlank(text)) yield text;
      else if (byte === comma || count > 0) throw badField("body", "", "an element of the array is missing");
      count++;
    }
    if (scan.place === "within") element.keep(chunk.subarray(start));
  }
  if (scan.place !== "after") throw badField("body", "", "the array is not complete");
}

/** Follows strings and nesting; true for the comma or bracket that ends an element. */
function endsElement(scan: { depth: number; inString: boolean; escaped: boolean }, byte: number): boolean {
  if (scan.inString) {
    if (scan.escaped) scan.escaped = false;
    else if (byte === backslash) scan.escaped = true;
    else if (byte === quote) scan.inString = false;
    return false;
  }
  if (byte === quote) scan.inString = true;
  else if (byte === openList || byte === openObject) scan.depth++;
  else if (scan.depth > 0 && (byte === closeList || byte === closeObject)) scan.depth--;
  else return scan.depth === 0 && (byte === comma || byte === closeList);
  return false;
}

/** A message of which parts have arrived. */
function createPiece({ limitBytes, held }: SplitLimits) {
  const parts = new Gathered();
  const check = (more: Buffer) => {
    if (parts.length + more.length > limitBytes) throw messageTooLarge(limitBytes);
  };
  return {
    keep(part: Buffer): void {
      check(part);
      held.add(part.length);
      parts.push(part);
    },
    /** The whole message, with its last part. */
    take(last: Buffer): Buffer {
      check(last);
      held.remove(parts.length);
      parts.push(last);
      return parts.take();
    },
  };
}

/** Refuses a message of a stream. */
export function messageTooLarge(limitBytes: number): EdgeError {
  return new EdgeError(`a message is larger than ${limitBytes} bytes`, Code.ResourceExhausted, { status: 413 });
}

function noArray(place: "before" | "after"): EdgeError {
  return badField("body", "", place === "before" ? "the body must be one JSON array" : "something follows the array");
}

function isBlank(text: Buffer): boolean {
  return text.every(isSpace);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === newline || byte === 0x0d;
}
