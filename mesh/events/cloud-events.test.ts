import { expect, test } from "vitest";
import { cloudEventHeaders, decodeAttribute, encodeAttribute, readDelivery } from "./cloud-events.ts";
import { PermanentError } from "./delivery.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const attributes = {
  eventId: "0198a5a0-0000-7000-8000-000000000001",
  source: "shop.order",
  type: "shop.order.v1.OrderPlaced",
  key: "o1",
  time: new Date("2026-01-02T03:04:05.678Z"),
  correlationId: "o1",
  causationId: undefined,
  traceparent,
};

test("encodes what a header may not carry, and nothing else", () => {
  expect(encodeAttribute('Euro € 😀 "50%"~!')).toBe("Euro%20%E2%82%AC%20%F0%9F%98%80%20%2250%25%22~!");
  expect(decodeAttribute(encodeAttribute('Euro € 😀 "50%"~!\n'))).toBe('Euro € 😀 "50%"~!\n');
  expect(decodeAttribute("100% %zz")).toBe("100% %zz");
});

test("reads back what it wrote", () => {
  const headers = cloudEventHeaders(attributes);
  expect(headers).not.toHaveProperty("ce-causationid");
  const delivery = readDelivery({ subject: "s", headers, payload: new Uint8Array(), deliveries: 2 });
  expect(delivery).toMatchObject({
    eventId: attributes.eventId,
    type: attributes.type,
    key: "o1",
    time: attributes.time,
    correlationId: "o1",
    trace: { traceId: "0af7651916cd43dd8448eb211c80319c" },
    deliveries: 2,
  });
});

test("refuses what is no event", () => {
  const read = (headers: Record<string, string>) => () =>
    readDelivery({ subject: "s", headers, payload: new Uint8Array(), deliveries: 1 });
  expect(read({})).toThrow(PermanentError);
  expect(read({ ...cloudEventHeaders(attributes), "ce-id": "7" })).toThrow('ce-id "7"');
  expect(read({ ...cloudEventHeaders(attributes), "ce-time": "today" })).toThrow(PermanentError);
});
