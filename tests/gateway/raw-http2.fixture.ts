import fc from "fast-check";
import { frame as message } from "./raw-bodies.fixture.ts";
import type { RawCase } from "./raw-connection.fixture.ts";
import {
  ack,
  continuation,
  data,
  endHeaders,
  endStream,
  goaway,
  headerBlock,
  headers,
  lastStream,
  ping,
  preface,
  priority,
  push,
  reset,
  settings,
  windowUpdate,
  writeFrame,
} from "./raw-frames.fixture.ts";
import { anyBytes, inPieces, rpc } from "./raw-request.fixture.ts";

type Fields = readonly (readonly [string, string])[];
const call = (method: string, path: string, more: Fields = []): Fields => [
  ...([
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "library"],
  ] as const),
  ...([["authorization", "Bearer ann:user"]] as const),
  ...more,
];
const grpc = (name: string): Fields =>
  call("POST", rpc(name), [
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["grpc-encoding", "gzip"],
  ]);

const good: Fields[] = [
  call("GET", "/v1/books/7"),
  call("POST", "/v1/books", [["content-type", "application/json"]]),
  ...["GetBook", "CountBooks", "Discuss", "WatchBook"].map(grpc),
];
const odd: Fields = [
  ...([
    ["content-length", "3"],
    ["content-length", "x"],
    ["content-length", "3"],
    ["transfer-encoding", "chunked"],
  ] as const),
  ...([
    ["connection", "close"],
    ["Upper", "a"],
    ["", ""],
    [":path", "/twice"],
    [":status", "200"],
    [":unknown", "a"],
  ] as const),
  ...([
    ["x", "a\r\nb"],
    ["x", "\u0000"],
    ["te", "gzip"],
    ["host", "other"],
    ["expect", "100-continue"],
    ["cookie", "a"],
  ] as const),
  ...([
    ["x", "x".repeat(20_000)],
    ["grpc-encoding", "gzip"],
    ["grpc-timeout", "1x"],
    [":protocol", "websocket"],
  ] as const),
  ...([
    ["content-encoding", "br"],
    [":method", "CONNECT"],
    [":scheme", ""],
    [":path", ""],
    [":path", "*"],
  ] as const),
];
const fields = fc
  .tuple(fc.constantFrom(...good), fc.array(fc.constantFrom(...odd), { maxLength: 2 }), fc.nat(9))
  .map(([all, more, without]) => [...all.filter((_, index) => index !== without), ...more]);
const block = fc.oneof(
  { arbitrary: fields.map(headerBlock), weight: 6 },
  { arbitrary: fc.constantFrom(...good).map(headerBlock), weight: 3 },
  { arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)), weight: 2 },
  // A size of the dynamic table that was not agreed on, an index that is not there, a length that never ends.
  {
    arbitrary: fc
      .constantFrom("3fffffff7f", "ff8001", "00ffffffffffffffffff", "80", "0085ffffffffff")
      .map((hex) => Buffer.from(hex, "hex")),
    weight: 1,
  },
);

const stream = fc.constantFrom(1, 1, 1, 3, 3, 5, 7, 0, 2, 101, 2 ** 31 - 1, 2 ** 31 + 1);
const flags = fc.constantFrom(0, endHeaders, endHeaders | endStream, endStream, 0x8, 0x20, 0xff);
const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const setting = fc
  .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 8, 99), fc.constantFrom(0, 1, 16_384, 65_535, 2 ** 24, 2 ** 31, 2 ** 32 - 1))
  .map(([id, value]) => Buffer.concat([Buffer.from([0, id]), number(value)]));
const bytes = (maxLength: number) => anyBytes(maxLength).map((text) => Buffer.from(text, "latin1"));

const headed = fc
  .record({
    stream,
    flags: fc.constantFrom(endHeaders, endHeaders, endHeaders | endStream, endStream, 0),
    payload: block,
  })
  .map((part) => writeFrame({ type: headers, ...part }));
const frames: fc.Arbitrary<Buffer>[] = [
  headed,
  headed,
  fc
    .record({
      stream,
      flags,
      payload: fc.oneof(
        message.map((text) => Buffer.from(text.slice(0, 16_384), "latin1")),
        bytes(30),
      ),
    })
    .map((part) => writeFrame({ type: data, ...part })),
  fc.record({ stream, flags, payload: block }).map((part) => writeFrame({ type: continuation, ...part })),
  fc
    .record({ stream, payload: fc.constantFrom(number(8), number(0), Buffer.alloc(3)) })
    .map((part) => writeFrame({ type: reset, ...part })),
  fc
    .record({
      stream: fc.constantFrom(0, 0, 1),
      flags: fc.constantFrom(0, 0, ack),
      payload: fc.array(setting, { maxLength: 3 }).map((all) => Buffer.concat(all)),
    })
    .map((part) => writeFrame({ type: settings, ...part })),
  fc
    .record({
      stream: fc.oneof(stream, fc.constant(0)),
      payload: fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 32 - 1).map(number),
    })
    .map((part) => writeFrame({ type: windowUpdate, ...part })),
  fc
    .record({
      type: fc.constantFrom(priority, push, ping, goaway, 10, 99, 255),
      stream: fc.oneof(stream, fc.constant(0)),
      flags,
      payload: bytes(20),
    })
    .map(writeFrame),
];

const flood = fc
  .tuple(
    fc.constantFrom(
      // Empty CONTINUATIONs, PINGs, SETTINGS, resets of calls, empty DATA, PRIORITYs.
      () => [
        writeFrame({ type: headers, stream: 1, payload: headerBlock(good[0] ?? []) }),
        writeFrame({ type: continuation, stream: 1 }),
      ],
      () => [writeFrame({ type: ping, payload: Buffer.alloc(8) })],
      () => [writeFrame({ type: settings, payload: Buffer.concat([Buffer.from([0, 4]), number(1)]) })],
      () => [
        writeFrame({ type: headers, flags: endHeaders, stream: 1, payload: headerBlock(grpc("Discuss")) }),
        writeFrame({ type: data, stream: 1 }),
      ],
      () => [writeFrame({ type: priority, stream: 1, payload: Buffer.alloc(5) })],
      () => [writeFrame({ type: windowUpdate, payload: number(2 ** 20) })],
    ),
    fc.constantFrom(50, 2_000),
  )
  .map(([make, times]) => {
    const made = make();
    return Buffer.concat([...made, ...Array<Buffer>(times).fill(made.at(-1) ?? Buffer.alloc(0))]);
  });
const resets = fc.constantFrom(20, 1_000).map((times) => {
  const payload = headerBlock(good[0] ?? []);
  return Buffer.concat(
    Array.from({ length: times }, (_, each) => [
      writeFrame({ type: headers, flags: endHeaders | endStream, stream: 2 * each + 1, payload }),
      writeFrame({ type: reset, stream: 2 * each + 1, payload: number(8) }),
    ]).flat(),
  );
});
const many = fc.constantFrom(300).map((times) => {
  const payload = headerBlock(grpc("Discuss"));
  return Buffer.concat(
    Array.from({ length: times }, (_, each) =>
      writeFrame({ type: headers, flags: endHeaders, stream: 2 * each + 1, payload }),
    ),
  );
});
const lying = fc
  .record({ type: fc.nat(10), flags, stream, payload: bytes(20), lie: fc.constantFrom(-1, 1, 5, 16_384, 2 ** 24 - 30) })
  .map(writeFrame);

const start = fc.oneof(
  { arbitrary: fc.constant(Buffer.concat([preface, writeFrame({ type: settings })])), weight: 12 },
  { arbitrary: fc.constant(preface), weight: 1 },
  { arbitrary: fc.nat(23).map((cut) => preface.subarray(0, cut)), weight: 1 },
);
const sane = fc.oneof(
  {
    arbitrary: fc.array(fc.oneof(...frames), { minLength: 1, maxLength: 8 }).map((all) => Buffer.concat(all)),
    weight: 40,
  },
  ...[flood, resets, many].map((arbitrary) => ({ arbitrary, weight: 1 })),
);
const end = writeFrame({
  type: headers,
  flags: endHeaders | endStream,
  stream: lastStream,
  payload: headerBlock(call("GET", "/v1/books/7")),
});

/** What no client should send by HTTP/2, and some of what it may. */
export const rawHttp2: fc.Arbitrary<RawCase> = fc
  .tuple(
    start,
    sane,
    fc.option(lying),
    fc.array(fc.nat(400), { maxLength: 3 }),
    fc.constantFrom<RawCase["ending"]>("wait", "wait", "half-close", "reset"),
  )
  .map(([first, middle, lie, cuts, ending]) => {
    const whole = Buffer.concat([first, middle, ...(lie ? [lie] : [end])]);
    return {
      about: whole.subarray(0, 400).toString("hex"),
      pieces: inPieces(whole, cuts),
      ending: lie ? "half-close" : ending,
    };
  });
