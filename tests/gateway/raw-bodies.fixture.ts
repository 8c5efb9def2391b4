import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { anyBytes, latin1 } from "./raw-request.fixture.ts";

/** What a message looks like on its way: a flag, a length and as many bytes, or not. */
export const frame = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1, 2, 3, 0x7f, 0x80, 0xff),
    fc.constantFrom(0, 0, 0, 1, -1, 2 ** 31, 2 ** 32 - 1),
    body(),
  )
  .map(([flags, off, message]) => {
    const prefix = Buffer.from([flags, 0, 0, 0, 0]);
    prefix.writeUInt32BE(Math.max(0, Math.min(2 ** 32 - 1, message.length + off)), 1);
    return latin1(prefix) + message;
  });

/** Bodies that are no message, or an odd one. */
export function body(): fc.Arbitrary<string> {
  const book = '{"id":"7","title":"a","copies":"3"}';
  const deep = fc.constantFrom("[", '{"a":', '{"book":{"extra":').map((open) => open.repeat(50_000));
  const jsons = fc.constantFrom(
    ...[book, `{"book":${book}}`, "{}", "", "null", "[]", '{"id":1e999}', '{"copies":99999999999999999999}'],
    ...['{"__proto__":{"id":"x"}}', '{"id":"1","id":"2"}', '{"id":"\\ud800"}', '{"tags":[null]}', '{"id":"a"} x'],
    ...[
      '{"extra":{"@type":"x/y"}}',
      '{"added":"0000"}',
      "\u00ef\u00bb\u00bf{}",
      '{"id":"\u0000"}',
      '{"constructor":1}',
    ],
  );
  const encoded = fc.constantFrom(
    "\n\u00017",
    "\n\uffff",
    "\n\u00ff\u00ff\u00ff\u00ff\u000f",
    "\u0080".repeat(12),
    "\u000b".repeat(300),
  );
  return fc.oneof(
    { arbitrary: jsons, weight: 5 },
    { arbitrary: encoded.map((text) => latin1(Buffer.from(text, "latin1"))), weight: 2 },
    { arbitrary: anyBytes(60), weight: 3 },
    { arbitrary: deep, weight: 1 },
  );
}

const compressors = [gzipSync, deflateSync, brotliCompressSync, zstdCompressSync];
const bomb = compressors.map((compress) => latin1(compress(Buffer.alloc(8 * 1024 * 1024))));
/** Bodies that are compressed, cut off, larger than they look, or not compressed at all. */
export const compressed = fc.oneof(
  fc
    .tuple(fc.constantFrom(...compressors), body())
    .map(([compress, text]) => latin1(compress(Buffer.from(text, "latin1")))),
  fc.constantFrom(...bomb),
  fc
    .tuple(fc.constantFrom(...compressors), fc.nat(30))
    .map(([compress, cut]) =>
      latin1(compress(Buffer.from('{"id":"7","title":"a rather long title"}')).subarray(0, cut)),
    ),
  anyBytes(40),
);
/** Names of content codings. */
export const coding = fc.constantFrom(
  "gzip",
  "deflate",
  "br",
  "zstd",
  "GZIP",
  "x-gzip",
  "gzip, gzip",
  "identity",
  "",
  "compress",
  "\u00ff",
);

/** Content types. */
export const types = fc.constantFrom(
  ...[
    "application/json",
    "application/proto",
    "application/connect+json",
    "application/connect+proto",
    "application/grpc-web+proto",
    "application/grpc-web+json",
  ],
  ...[
    "application/grpc-web-text",
    "application/grpc",
    "text/plain",
    "application/json; charset=latin1",
    "",
    "\u00ff",
    "application/x-ndjson",
  ],
);
