import fc from "fast-check";
import { body, coding, compressed, frame, types } from "./raw-bodies.fixture.ts";
import type { RawCase } from "./raw-connection.fixture.ts";
import { chunks, heads, lines, smuggling } from "./raw-heads.fixture.ts";
import { anyBytes, inPieces, latin1, request, rpc, some, withBody } from "./raw-request.fixture.ts";

const json = "application/json";
const create = "POST /v1/books";

const rpcPaths = fc
  .constantFrom("GetBook", "CreateBook", "WatchBook", "CountBooks", "Discuss", "Reindex", "None")
  .map((name) => `POST ${rpc(name)}`);
const targets = fc.oneof(
  rpcPaths,
  fc.constantFrom(create, "PATCH /v1/books/7", "GET /v1/books/7", "DELETE /v1/books/7"),
);
const bodies = fc
  .tuple(
    targets,
    types,
    fc.oneof(
      body(),
      some(frame, 3).map((all) => all.join("")),
    ),
  )
  .map(([line, type, text]) => withBody(line, type, text, ["Grpc-Encoding: gzip", "Connect-Content-Encoding: gzip"]));
const codings = fc.tuple(targets, types, coding, compressed).map(([line, type, name, text]) => {
  // A message that says that it is compressed, yet not how, is rightly called internal.
  const flag = name === "" || name === "identity" ? 0 : 1;
  const prefix = latin1(Buffer.from([flag, 0, text.length >> 16, text.length >> 8, text.length]));
  const framed = /connect\+|grpc/.test(type) ? prefix + text : text;
  return withBody(line, type, framed, [
    `Content-Encoding: ${name}`,
    `Grpc-Encoding: ${name}`,
    `Connect-Content-Encoding: ${name}`,
  ]);
});
const sizes = fc
  .tuple(targets, fc.constantFrom(0, 1, 4 * 1024 * 1024, 5 * 1024 * 1024, 2 ** 40), fc.constantFrom(0, 1, 100, 70_000))
  .map(([line, said, sent]) => request(line, [`Content-Type: ${json}`, `Content-Length: ${said}`], " ".repeat(sent)));

const wishes = fc
  .tuple(
    fc.constantFrom("GET", "POST", "OPTIONS"),
    fc.constantFrom("/v1/books/7", "/v1/books", rpc("Discuss"), rpc("GetBook")),
    some(
      fc.constantFrom(
        ...[
          "Expect: 100-continue",
          "Expect: 200-ok",
          "Upgrade: h2c",
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Connection: close",
        ],
        ...[
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Version: x",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
          "HTTP2-Settings: !!",
        ],
        ...[
          "Connect-Timeout-Ms: 99999999999",
          "Connect-Timeout-Ms: 1",
          "Grpc-Timeout: 1x",
          "Grpc-Timeout: 0n",
          "X-Server-Timeout: -1",
        ],
        ...[
          "Origin: null",
          "Access-Control-Request-Method: \u00ff",
          "Connect-Protocol-Version: 7",
          "Accept: \u00ff;q=x",
          "Accept-Encoding: ;;;q=,",
        ],
        ...[
          "Idempotency-Key: \u00ff",
          "Traceparent: 00-0",
          "Authorization: Bearer bad",
          "Content-Length: 3",
          "If-None-Match: \u0080",
        ],
      ),
      6,
    ),
    fc.oneof(fc.constantFrom("", "abc"), anyBytes(30)),
  )
  .map(([method, path, fields, text]) => request(`${method} ${path}`, fields, text));

const opening = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const sockets = fc
  .tuple(
    fc.constantFrom("Discuss", "CountBooks", "WatchBook"),
    fc.oneof(
      anyBytes(40),
      fc.constantFrom(
        "\u0081\u0085mask",
        "\u0081\u00ff\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff",
        "\u0089\u00fe\u00ff\u00ff",
        "\u0088\u0081aaaab",
        "\u00f1\u0080aaaa",
      ),
    ),
  )
  .map(([name, text]) => request(`GET ${rpc(name)}`, opening, text));

const good = fc.constantFrom(
  request("GET /v1/books/7"),
  withBody(create, json, '{"book":{"id":"7"}}'),
  request("GET /v1/books/7:watch"),
  withBody(`POST ${rpc("GetBook")}`, json, '{"id":"7"}'),
);
const mutated = fc
  .tuple(good, some(fc.tuple(fc.nat(400), fc.nat(6), anyBytes(4)), 3))
  .map(([text, changes]) =>
    changes.reduce((old, [at, gone, put]) => old.slice(0, at) + put + old.slice(at + gone), text),
  );

const families: Record<string, fc.Arbitrary<string>> = {
  lines,
  smuggling,
  chunks,
  bodies,
  codings,
  sizes,
  heads,
  wishes,
  sockets,
  mutated,
};
const pipelined = some(fc.oneof(good, lines, mutated, chunks), 6).map((all) => all.join(""));

const ending = fc.constantFrom<RawCase["ending"]>("wait", "wait", "half-close", "half-close", "reset");

/** What no client should send by HTTP/1.1, and some of what it may. */
export const rawHttp1: fc.Arbitrary<RawCase> = fc
  .tuple(
    fc.oneof(
      ...Object.entries({ ...families, pipelined }).map(([name, texts]) => texts.map((text) => ({ name, text }))),
    ),
    some(fc.nat(2_000), 3),
    ending,
  )
  .map(([{ name, text }, cuts, ending]) => ({
    about: `${name}: ${JSON.stringify(text.slice(0, 600))}`,
    pieces: inPieces(Buffer.from(text, "latin1"), cuts),
    ending,
  }));
