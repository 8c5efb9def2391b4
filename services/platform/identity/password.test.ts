import { scryptSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createPasswords } from "./password.ts";

const cheap = createPasswords({ logN: 4, blockSize: 8, parallelism: 1 });

describe("hash", () => {
  test("is a PHC string of the default cost, which any scrypt can verify", async () => {
    const text = await createPasswords().hash("correct horse");
    const [, , cost, salt = "", hash] = text.split("$");
    expect(cost).toBe("ln=15,r=8,p=1");
    const expected = scryptSync("correct horse", Buffer.from(salt, "base64"), 32, {
      ...{ N: 2 ** 15, r: 8, p: 1 },
      maxmem: 2 ** 27,
    });
    expect(hash).toBe(expected.toString("base64").replace(/=+$/, ""));
  });

  test("has a salt of its own", async () => {
    expect(await cheap.hash("same")).not.toBe(await cheap.hash("same"));
  });
});

describe("verify", () => {
  test("tells right from wrong", async () => {
    const hash = await cheap.hash("right");
    expect(await cheap.verify("right", hash)).toEqual({ right: true, outdated: false });
    expect(await cheap.verify("wrong", hash)).toEqual({ right: false, outdated: false });
    expect(await cheap.verify("", hash)).toEqual({ right: false, outdated: false });
  });

  test("answers no without a hash", async () => {
    expect(await cheap.verify("anything", undefined)).toMatchObject({ right: false });
  });

  test("tells that a hash has another cost", async () => {
    const hash = await createPasswords({ logN: 5, blockSize: 8, parallelism: 1 }).hash("right");
    expect(await cheap.verify("right", hash)).toEqual({ right: true, outdated: true });
  });

  test("takes both forms of a composed character for the same", async () => {
    expect(await cheap.verify("Caf\u00e9 noir", await cheap.hash("Cafe\u0301 noir"))).toMatchObject({ right: true });
  });

  test("fails on a stored text that is no hash", async () => {
    await expect(cheap.verify("right", "plain")).rejects.toThrow(/not a PHC string/);
  });
});
