import fc from "fast-check";
import { anyBytes, request, rpc, some } from "./raw-request.fixture.ts";

const json = "application/json";
const create = "POST /v1/books";

const methods = fc.constantFrom(
  ...[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PRI",
    "M-SEARCH",
    "get",
    "QUERY",
    "G@T",
    "",
  ],
);
const escapes = fc.constantFrom(
  "%",
  "%2",
  "%zz",
  "%ff",
  "%c0%af",
  "%ed%a0%80",
  "%00",
  "%2F",
  "%252F",
  "%2e%2e",
  "..",
  "//",
  "+",
  ":",
  "a".repeat(40),
);
const paths = fc.oneof(
  fc.constantFrom(
    "/",
    "*",
    "",
    "//",
    "/v1/books/7",
    "/v1/books/7:watch",
    rpc("GetBook"),
    "http://x/v1/books/7",
    "x:80",
    "/healthz",
    "/docs",
  ),
  some(escapes, 4).map((parts) => `/v1/books/${parts.join("")}`),
  anyBytes(12).map((text) => `/v1/books/${text}`),
);
const queries = fc.oneof(
  fc.constantFrom(
    "",
    "?",
    "?&&&",
    "?=",
    "?language",
    "?revision=x",
    "?language=a&language=b",
    "?__proto__=1",
    "?$prettyPrint=2",
  ),
  some(escapes, 4).map((parts) => `?language=${parts.join("")}&${parts.join("=")}`),
  fc.constantFrom(
    "?connect=v1&encoding=json&message=%7B",
    "?encoding=proto&base64=1&message=!!",
    "?encoding=json&compression=gzip&message=x",
  ),
  fc.constantFrom(`?language=${"x".repeat(9_000)}`, `?${"a=&".repeat(2_000)}`),
);
const versions = fc.constantFrom(
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/0.9",
  "HTTP/2.0",
  "HTTP/1.",
  "http/1.1",
  "HTTP/1.1 x",
  "",
);
/** Request lines. */
export const lines = fc
  .tuple(methods, fc.constantFrom(" ", " ", " ", "\t", "  "), paths, queries, versions)
  .map(([method, space, path, query, version]) => `${method}${space}${path}${query} ${version}\r\nHost: x\r\n\r\n`);

const framing = [
  ...[
    "Content-Length: 5",
    "Content-Length: 0",
    "Content-Length: 6, 6",
    "Content-Length: +5",
    "Content-Length: -1",
    "Content-Length: 0x5",
  ],
  ...[
    "Content-Length:\r\n 5",
    "Content-Length : 5",
    "Content-Length: 99999999999999999999",
    "Content-Length: 5\u0000",
    "Content-Length:",
  ],
  ...[
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
  ],
  ...[
    "Transfer-Encoding:\u000bchunked",
    "Transfer-Encoding: chunked, chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding\t: chunked",
  ],
  ...[
    "X: a\nTransfer-Encoding: chunked",
    "X: a\rTransfer-Encoding: chunked",
    "X: a\u0000b",
    "X\u0000: a",
    "X: a\r\n\tb",
    "Host: y",
    ": a",
    "X",
  ],
];
const chunked = fc.constantFrom(
  ...[
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhel",
    "zz\r\n",
    "-1\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
  ],
  ...[
    "fffffffffffffffff\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhelloo\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\n\r\n",
    "0\r\nX: a\r\n\r\n",
  ],
  ...[
    `5;${"x".repeat(20_000)}\r\nhello\r\n0\r\n\r\n`,
    `0\r\n${"X: a\r\n".repeat(3_000)}\r\n`,
    "",
    "\r\n",
    "7fffffff\r\nhello",
  ],
);
/** Requests that two parsers may see differently, each with another behind it. */
export const smuggling = fc
  .tuple(
    fc.constantFrom(create, "GET /v1/books/7", `POST ${rpc("GetBook")}`),
    some(fc.constantFrom(...framing), 3),
    chunked,
  )
  .map(
    ([line, fields, text]) =>
      request(line, ["Content-Type: application/json", ...fields], text) + request("GET /v1/books/8"),
  );
/** Bodies in chunks. */
export const chunks = fc
  .tuple(fc.constantFrom(create, `POST ${rpc("GetBook")}`, "DELETE /v1/books/7"), chunked)
  .map(([line, text]) => request(line, [`Content-Type: ${json}`, "Transfer-Encoding: chunked"], text));

/** Heads that are too large. */
export const heads = fc.constantFrom(
  request("GET /v1/books/7", [`X: ${"x".repeat(20_000)}`]),
  request("GET /v1/books/7", Array<string>(3_000).fill("X: a")),
  request("GET /v1/books/7", Array<string>(300).fill("X: a")),
  request(`GET /${"x".repeat(70_000)}`),
  `${"x".repeat(100_000)}`,
);
