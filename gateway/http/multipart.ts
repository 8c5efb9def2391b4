import { badField } from "./edge-error.ts";
import { Gathered } from "./gathered.ts";
import { readParameters } from "./header-parameters.ts";
import { type PartHead, readPartHead } from "./part-head.ts";

/** The media type of forms with parts. */
export const formType = "multipart/form-data";

/** One part of a form. */
export interface FormPart extends PartHead {
  /** To be read to its end before the next part is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** How a form is read. */
export interface FormReading {
  /** The Content-Type of the body. */
  readonly contentType: string;
  /** Parts of one form. */
  readonly maxParts: number;
}

const lineBreak = Buffer.from("\r\n");
const dashes = Buffer.from("--");
const headEnd = Buffer.from("\r\n\r\n");

/** Headers of one part, in bytes. */
const maxHeadBytes = 16 * 1024;

/**
 * Reads the parts of a form (RFC 7578) one after the other, no faster than they are taken, and holds no more than a
 * chunk of them. Throws 400 for anything but one whole form, and whatever the chunks throw.
 */
export async function* readParts(
  { contentType, maxParts }: FormReading,
  chunks: AsyncIterable<Buffer>,
): AsyncIterable<FormPart> {
  const delimiter = Buffer.from(`\r\n--${boundaryOf(contentType)}`);
  const source = chunks[Symbol.asyncIterator]();
  const window = openWindow(source);
  try {
    await refuseText(upTo(delimiter, window), "the form does not begin with its boundary");
    for (let count = 1; await beginsPart(window); count++) {
      if (count > maxParts) throw badField("form", "", `the form has more than ${maxParts} parts`);
      const head = readPartHead(await readHead(window));
      yield { ...head, chunks: upTo(delimiter, window) };
    }
    await refuseText(window.rest(), "something follows the form");
  } finally {
    await source.return?.();
  }
}

/** Throws 400 for a Content-Type without the boundary that RFC 2046 demands. */
function boundaryOf(contentType: string): string {
  const boundary = readParameters(contentType)?.parameters.get("boundary") ?? "";
  if (/^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary)) return boundary;
  throw badField("form", "", `the Content-Type "${contentType}" lacks a boundary of 1 to 70 characters`);
}

/** The bytes that have come and are not taken yet. At first a line break, which the first boundary need not have. */
function openWindow(source: AsyncIterator<Buffer>) {
  const gathered = new Gathered();
  gathered.push(lineBreak);
  const more = async () => {
    const next = await source.next();
    if (!next.done) gathered.push(next.value);
    return !next.done;
  };
  return {
    get held() {
      return gathered.peek();
    },
    take: (count: number) => gathered.take(count),
    /** Waits for a chunk. Throws 400 where none comes any more. */
    async need() {
      if (!(await more())) throw badField("form", "", "the form ends before its last boundary");
    },
    async *rest() {
      do yield gathered.take();
      while (await more());
    },
  };
}

type Window = ReturnType<typeof openWindow>;

/** The bytes before a delimiter, which is taken with them. */
async function* upTo(delimiter: Buffer, window: Window): AsyncIterable<Buffer> {
  for (;;) {
    const end = window.held.indexOf(delimiter);
    if (end > 0) yield window.take(end);
    if (end >= 0) {
      window.take(delimiter.length);
      return;
    }
    // The last bytes may be the beginning of a delimiter.
    const safe = window.held.length - delimiter.length + 1;
    if (safe > 0) yield window.take(safe);
    await window.need();
  }
}

/** After a delimiter: whether a part follows, or the end. The line break before the part's headers stays. */
async function beginsPart(window: Window): Promise<boolean> {
  while (window.held.length < 2) await window.need();
  const mark = window.held.subarray(0, 2);
  if (mark.equals(lineBreak)) return true;
  if (!mark.equals(dashes)) throw badField("form", "", "a boundary is followed by something else");
  window.take(2);
  return false;
}

async function readHead(window: Window): Promise<string> {
  for (;;) {
    const end = window.held.indexOf(headEnd);
    if (end > maxHeadBytes || (end < 0 && window.held.length > maxHeadBytes)) {
      throw badField("form", "", `the headers of a part are larger than ${maxHeadBytes} bytes`);
    }
    if (end >= 0) return window.take(end + headEnd.length).toString("utf8", lineBreak.length, end);
    await window.need();
  }
}

async function refuseText(chunks: AsyncIterable<Buffer>, message: string): Promise<void> {
  for await (const chunk of chunks) if (/\S/.test(chunk.toString("latin1"))) throw badField("form", "", message);
}
