import { expect, test } from "vitest";
import { createKeySeal } from "./key-seal.ts";

const secret = "a secret of at least thirty-two characters";
const key = Buffer.from("private key");

test("a sealed key opens again, also in another process with the same secret", () => {
  expect(createKeySeal(secret).open("kid", createKeySeal(secret).seal("kid", key))).toEqual(key);
});

test("sealing twice never gives the same text, and never the key", () => {
  const { seal } = createKeySeal(secret);
  const [one, other] = [seal("kid", key), seal("kid", key)];
  expect(one).not.toBe(other);
  expect(Buffer.from(one, "base64url").includes(key)).toBe(false);
});

test("another secret, another kid or a changed text open nothing", () => {
  const { seal, open } = createKeySeal(secret);
  const sealed = seal("kid", key);
  expect(createKeySeal(`${secret}!`).open("kid", sealed)).toBeUndefined();
  expect(open("other", sealed)).toBeUndefined();
  const changed = Buffer.from(sealed, "base64url");
  changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
  expect(open("kid", changed.toString("base64url"))).toBeUndefined();
});
