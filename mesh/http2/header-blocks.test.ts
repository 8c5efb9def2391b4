import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeaderDecoder } from "./header-decoder.ts";
import { HeaderEncoder } from "./header-encoder.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

function read(decoder: HeaderDecoder, block: Buffer): string[] {
  return decoder.decode(block).flatMap(({ name, value }) => [name, value]);
}

describe("the examples of RFC 7541", () => {
  test("C.4: requests in Huffman's code, one after the other", () => {
    const decoder = new HeaderDecoder();
    const start = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"];
    expect(read(decoder, hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"))).toEqual(start);
    expect(read(decoder, hex("8286 84be 5886 a8eb 1064 9cbf"))).toEqual([...start, "cache-control", "no-cache"]);
    expect(read(decoder, hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"))).toEqual([
      ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
      ...["custom-key", "custom-value"],
    ]);
  });

  test("C.6: responses, of which the table of 256 bytes cannot hold all", () => {
    const decoder = new HeaderDecoder();
    const rest = [
      ...["cache-control", "private", "date", "Mon, 21 Oct 2013 20:13:21 GMT"],
      ...["location", "https://www.example.com"],
    ];
    const first =
      "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad " +
      "1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    expect(read(decoder, hex(first))).toEqual([":status", "302", ...rest]);
    expect(read(decoder, hex("4883 640e ffc1 c0bf"))).toEqual([":status", "307", ...rest]);
    // Gone: the fifth header has pushed the first one out.
    expect(() => decoder.decode(hex("c2"))).toThrow("no header has the index 66");
  });
});

describe("a block that cannot be read", () => {
  test.each([
    ["the index 0", "80", "no header has the index 0"],
    ["an index that nothing has", "be", "no header has the index 62"],
    ["a name that nothing has", "7f00 0161", "no header has the index 63"],
    ["a string that is cut off", "0003 61", "a string is cut off"],
    ["a block that is cut off", "40", "a header block is cut off"],
    ["an integer that is cut off", "ff80", "a header block is cut off"],
    ["an integer that is too large", "ffff ffff ffff ff", "an integer is too large"],
    ["an integer of zeros without end", "ff80 8080 8080 8080", "an integer is too large"],
    ["a table larger than agreed on", "3fe2 1f", "a table of 4097 bytes was not agreed on"],
    ["a table that changes within", "8220", "the size of the table changes within a block"],
    ["padding that is no padding", "0081 1800", "a string is padded badly"],
    ["padding of a whole byte", "0082 1fff 00", "a string is padded badly"],
    ["the end within a string", "0084 ffff ffff 00", "a string holds the end of its own code"],
  ])("%s", (_, block, message) => {
    expect(() => new HeaderDecoder().decode(hex(block))).toThrow(message);
  });
});

test("what is written is read, whatever was before and however small the table gets", () => {
  const name = fc.constantFrom(":path", "te", "user-agent", "authorization", "x-trace", "grpc-encoding");
  const value = fc.oneof(fc.constantFrom("", "a", "trailers"), fc.string({ maxLength: 300, unit: "grapheme-ascii" }));
  const block = fc.record({
    headers: fc.array(fc.tuple(name, value), { maxLength: 20 }),
    tables: fc.array(fc.nat({ max: 5000 }), { maxLength: 3 }),
  });
  const target = Buffer.alloc(20 * 400);
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), (blocks) => {
      const [encoder, decoder] = [new HeaderEncoder(), new HeaderDecoder()];
      for (const { headers, tables } of blocks) {
        for (const bytes of tables) encoder.resize(bytes);
        const length = encoder.encode(headers.flat(), target);
        expect(read(decoder, target.subarray(0, length))).toEqual(headers.flat());
      }
    }),
  );
});

test("a header that comes again takes one byte, and a secret is never kept", () => {
  const encoder = new HeaderEncoder();
  const target = Buffer.alloc(1024);
  const headers = [":method", "POST", ":path", "/shop.order.v1.OrderService/GetOrder", "te", "trailers"];
  expect(encoder.encode(headers, target)).toBeGreaterThan(40);
  expect(encoder.encode(headers, target)).toBe(3);
  const secret = ["authorization", "Bearer 1"];
  expect(encoder.encode(secret, target)).toBe(encoder.encode(secret, target));
  // RFC 7541, 6.2.3: never to be indexed, by the name with the index 23.
  expect([...target.subarray(0, 2)]).toEqual([0b0001_1111, 23 - 15]);
});
