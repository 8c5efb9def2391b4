import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";
import { frameMessage, MessageReader } from "./message-frames.ts";
import { decodeMetadata, encodeMetadata } from "./metadata.ts";
import { parseAddress } from "./options.ts";
import { decodeMessage } from "./status.ts";
import { formatTimeout } from "./timeout.ts";

describe("grpc-timeout", () => {
  test.each([
    [1, "1m"],
    [0.2, "1m"],
    [-5, "1m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [100_000_000_000, "1666667M"],
    [Number.MAX_SAFE_INTEGER, "99999999H"],
  ])("%d ms is %s", (durationMs, expected) => {
    expect(formatTimeout(durationMs)).toBe(expected);
  });

  test("has at most eight digits and never says less than there is, up to its largest", () => {
    const unitMs: Readonly<Record<string, number>> = { m: 1, S: 1_000, M: 60_000, H: 3_600_000 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999 * 3_600_000 }), (durationMs) => {
        const text = formatTimeout(durationMs);
        expect(text).toMatch(/^\d{1,8}[mSMH]$/);
        const unit = unitMs[text.at(-1) ?? ""] ?? 0;
        expect(Number.parseInt(text, 10) * unit).toBeGreaterThanOrEqual(durationMs);
        expect((Number.parseInt(text, 10) - 1) * unit).toBeLessThan(durationMs);
      }),
    );
  });
});

test("the backoff grows to its cap, within its jitter", () => {
  const options = { initialMs: 100, maxMs: 2_000 };
  expect([1, 2, 3].map((failures) => Math.round(backoffMs(failures, options, () => 0.5)))).toEqual([100, 160, 256]);
  expect(backoffMs(50, options, () => 0)).toBe(1_600);
  expect(backoffMs(50, options, () => 1)).toBe(2_400);
});

describe("messages", () => {
  test("are cut out of any pieces that they come in", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(messages, cuts, fc.boolean(), (sent, places, gzip) => {
        const bytes = Buffer.concat(sent.map((message) => frameMessage(message, gzip)));
        const reader = new MessageReader(1_000);
        reader.encoding = "gzip";
        const received: Buffer[] = [];
        const ends = [...places.filter((place) => place < bytes.length), bytes.length].sort((a, b) => a - b);
        let from = 0;
        for (const end of ends) {
          reader.push(bytes.subarray(from, end));
          from = end;
          for (let message = reader.next(); message; message = reader.next()) received.push(message);
        }
        expect(received.map((message) => message.toString("hex"))).toEqual(
          sent.map((message) => Buffer.from(message).toString("hex")),
        );
        expect(reader.bufferedBytes).toBe(0);
      }),
    );
  });
});

describe("metadata", () => {
  test("binary values travel, with and without padding, one by one or with commas between", () => {
    for (const text of ["AAE=", "AAE", "AAE=, AAEC", "AAE,AAEC"]) {
      const values = text.split(",").map((each) => Buffer.from(each.trim(), "base64"));
      const sent = encodeMetadata(new Headers({ "x-bin": text }));
      expect(sent.filter((_, at) => at % 2 === 1)).toEqual(
        values.map((value) => value.toString("base64").replaceAll("=", "")),
      );
      const padded = values.map((value) => value.toString("base64")).join(", ");
      expect(decodeMetadata({ "x-bin": text }).get("x-bin")).toBe(padded);
      expect(decodeMetadata({ "x-bin": text.split(",") }).get("x-bin")).toBe(padded);
    }
  });

  test("names of the protocol and names that gRPC does not allow are left out, both ways", () => {
    const headers = {
      "grpc-status": "0",
      te: "x",
      "content-type": "text/plain",
      "x!odd": "1",
      upgrade: "a",
      "x-ok": "1",
    };
    expect(encodeMetadata(new Headers(headers))).toEqual(["x-ok", "1"]);
    expect([...decodeMetadata({ ":status": "200", "grpc-message": "no", "x-ok": "1" })]).toEqual([["x-ok", "1"]]);
  });

  test("text that gRPC cannot carry is percent-encoded", () => {
    expect(encodeMetadata(new Headers({ "x-name": "Zo\u00eb" }))).toEqual(["x-name", "Zo%C3%AB"]);
  });
});

test("messages are decoded whatever other servers have encoded, and broken ones are kept", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(decodeMessage(encodeURIComponent(text.toWellFormed()))).toBe(text.toWellFormed());
    }),
  );
  expect(decodeMessage("100 %")).toBe("100 %");
  expect(decodeMessage("%zz%4")).toBe("%zz%4");
});

test("addresses are host:port, with brackets for IPv6", () => {
  expect(parseAddress("order.shop:50051")).toEqual({ host: "order.shop", port: 50051 });
  expect(parseAddress("[::1]:1")).toEqual({ host: "::1", port: 1 });
  for (const wrong of ["order", "http://a:1", "::1:1", ":1", "a:b"])
    expect(() => parseAddress(wrong)).toThrow(TypeError);
});
