import fc from "fast-check";
import { expect, test } from "vitest";
import { addressPrefix, clientAddress, type Proxies } from "./client-address.ts";

const at = (remoteAddress: string | undefined, headers = {}) => ({ headers, socket: { remoteAddress } });
const behind = (count: number, header: Proxies["header"] = "x-forwarded-for") => clientAddress({ count, header });

test("without proxies the connection's other end counts, whatever the headers say", () => {
  const headers = { "x-forwarded-for": "9.9.9.9", forwarded: "for=9.9.9.9" };
  expect(behind(0)(at("192.0.2.1", headers))).toBe("192.0.2.1");
  expect(behind(0)(at("::ffff:192.0.2.1", headers))).toBe("192.0.2.1");
  expect(behind(0)(at(undefined, headers))).toBe("unknown");
});

test("only the header that the proxies write is believed", () => {
  const headers = { "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.2" };
  expect(behind(1)(at("10.0.0.1", headers))).toBe("192.0.2.1");
  expect(behind(1, "forwarded")(at("10.0.0.1", headers))).toBe("192.0.2.2");
  expect(behind(1)(at("10.0.0.1", { forwarded: "for=192.0.2.2" }))).toBe("10.0.0.1");
});

test.each([
  ["192.0.2.1:4711", "192.0.2.1"],
  ["[2001:db8::1]:4711", "2001:db8::1"],
  ["2001:DB8::1", "2001:db8::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["unknown", "10.0.0.1"],
  ["_hidden", "10.0.0.1"],
  ["", "10.0.0.1"],
])("an entry %j means %s", (entry, expected) => {
  expect(behind(1)(at("10.0.0.1", { "x-forwarded-for": `1.1.1.1, ${entry}` }))).toBe(expected);
});

test.each([
  ['for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"],
  ["proto=http; For=192.0.2.60;by=203.0.113.43", "192.0.2.60"],
  ['host="a,b;c\\"d";for=192.0.2.7', "192.0.2.7"],
  ["proto=https", "10.0.0.1"],
  ["for=unknown", "10.0.0.1"],
])("a Forwarded element %s means %s", (element, expected) => {
  expect(behind(1, "forwarded")(at("10.0.0.1", { forwarded: `for=1.1.1.1, ${element}` }))).toBe(expected);
});

const address = fc.oneof(fc.ipV4(), fc.ipV6());

test("what a client makes up on the left is never its address", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), address)),
      fc.array(address, { minLength: 1, maxLength: 4 }),
      (made, hops) => {
        const headers = { "x-forwarded-for": [...made, ...hops].join(", ") };
        const honest = { "x-forwarded-for": hops.join(", ") };
        const find = behind(hops.length);
        expect(find(at("10.0.0.1", headers))).toBe(find(at("10.0.0.1", honest)));
      },
    ),
  );
});

test("the same for Forwarded, as long as the client leaves no quote open", () => {
  fc.assert(
    fc.property(fc.array(address), fc.array(address, { minLength: 1, maxLength: 4 }), (made, hops) => {
      const element = (text: string) => (text.includes(":") ? `for="[${text}]"` : `for=${text}`);
      const headers = { forwarded: [...made, ...hops].map(element).join(",") };
      const xff = { "x-forwarded-for": hops.join(",") };
      const find = behind(hops.length, "forwarded");
      expect(find(at("10.0.0.1", headers))).toBe(behind(hops.length)(at("10.0.0.1", xff)));
    }),
  );
});

test("any header gives an address and no error", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(3), fc.boolean(), (text, count, forwarded) => {
      const header = forwarded ? "forwarded" : "x-forwarded-for";
      expect(behind(count, header)(at("10.0.0.1", { [header]: text }))).toMatch(/^[0-9a-f:.]+$/);
    }),
  );
});

test("IPv6 addresses that share their first 64 bits are one client, others are not", () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  const eight = fc.tuple(group, group, group, group, group, group, group, group);
  fc.assert(
    fc.property(eight, eight, (one, other) => {
      const write = (groups: readonly number[]) => groups.map((each) => each.toString(16)).join(":");
      const sibling = [...one.slice(0, 4), ...other.slice(4)];
      const stranger = [...one.slice(0, 3), (one[3] + 1) % 0x10000, ...one.slice(4)];
      expect(addressPrefix(write(sibling))).toBe(addressPrefix(write(one)));
      expect(addressPrefix(write(stranger))).not.toBe(addressPrefix(write(one)));
    }),
  );
  expect(addressPrefix("2001:db8::1")).toBe("2001:db8:0:0::/64");
  expect(addressPrefix("::1")).toBe("0:0:0:0::/64");
  expect(addressPrefix("2001:db8:0:0:1::192.0.2.1")).toBe("2001:db8:0:0::/64");
  expect(addressPrefix("192.0.2.1")).toBe("192.0.2.1");
});
