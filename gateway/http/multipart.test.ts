import fc from "fast-check";
import { expect, test } from "vitest";
import { readParts } from "./multipart.ts";

interface Read {
  readonly name: string;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
  readonly data: string;
}

/** Cuts bytes into chunks of the given sizes, over and over. */
async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncIterable<Buffer> {
  for (let start = 0, count = 0; start < bytes.length; count++) {
    const size = sizes[count % sizes.length] ?? bytes.length;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

async function readAll(contentType: string, chunks: AsyncIterable<Buffer>, maxParts = 100): Promise<Read[]> {
  const all: Read[] = [];
  for await (const { chunks: data, ...head } of readParts({ contentType, maxParts }, chunks)) {
    all.push({ ...head, data: Buffer.concat(await Array.fromAsync(data)).toString("latin1") });
  }
  return all;
}

/** Texts in which a reader might see a boundary. */
const tricky = fc.array(fc.constantFrom("\r", "\n", "\r\n", "-", "--", "----", "formdata", "undici", "a", "\u00ff"), {
  maxLength: 30,
});
const part = fc.record({
  name: fc.stringMatching(/^[a-z][\w.]{0,9}$/),
  data: fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map(Buffer.from),
    tricky.map((all) => Buffer.from(all.join(""))),
  ),
  file: fc.boolean(),
});

test("what Node writes as a form is read as it was, however it is cut into chunks", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), sizes, async (parts, chunkSizes) => {
      const form = new FormData();
      for (const { name, data } of parts) form.append(name, new Blob([new Uint8Array(data)], { type: "a/b" }), "f.x");
      const response = new Response(form);
      const bytes = Buffer.from(await response.arrayBuffer());
      const read = await readAll(response.headers.get("content-type") ?? "", cut(bytes, chunkSizes));
      expect(read).toEqual(
        parts.map(({ name, data }) => ({ name, contentType: "a/b", fileName: "f.x", data: data.toString("latin1") })),
      );
    }),
    { numRuns: 200 },
  );
});

test("no beginning of a form is a whole form", async () => {
  const form = new FormData();
  form.set("title", "a");
  form.set("file", new Blob(["--\r\n--"]), "f");
  const response = new Response(form);
  const whole = Buffer.from(await response.arrayBuffer());
  const type = response.headers.get("content-type") ?? "";
  const end = whole.lastIndexOf("--") + 2;
  for (let length = 0; length < end; length++) {
    await expect(readAll(type, cut(whole.subarray(0, length), [7]))).rejects.toThrow("ends before its last boundary");
  }
  expect(await readAll(type, cut(whole.subarray(0, end), [7]))).toHaveLength(2);
});

test("bytes that no form is made of never end in anything but a refusal or parts", async () => {
  const piece = fc.constantFrom(
    ...[
      "--b",
      "\r\n--b",
      "--b--",
      "\r\n",
      "\r",
      "\n",
      "--",
      ":",
      "a",
      " ",
      "\t",
      "\0",
      '"',
      ";",
      "Content-Type: a/b\r\n",
    ],
    ...['Content-Disposition: form-data; name="a"\r\n', "content-disposition: form-data; name=a; filename=\r\n\r\n"],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 50 }), async (pieces, size) => {
      const read = await readAll("multipart/form-data; boundary=b", cut(Buffer.from(pieces.join("")), [size])).catch(
        (refusal: unknown) => refusal,
      );
      if (!Array.isArray(read)) expect(read).toMatchObject({ name: "ConnectError", code: 3 });
    }),
    { numRuns: 500 },
  );
});

test("a reader that stops has its source stopped", async () => {
  let stopped = false;
  const source = async function* () {
    try {
      for (;;) yield Buffer.from('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nabc\r\n');
    } finally {
      stopped = true;
    }
  };
  for await (const { name } of readParts({ contentType: "multipart/form-data; boundary=b", maxParts: 9 }, source())) {
    expect(name).toBe("a");
    break;
  }
  expect(stopped).toBe(true);
});
