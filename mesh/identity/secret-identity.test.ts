import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { secretIdentity } from "./secret-identity.ts";

test("services that share the secret know each other", async () => {
  const header = await secretIdentity("shop.order", "s".repeat(32)).header();
  const other = secretIdentity("shop.payment", "s".repeat(32));
  expect(await other.callerOf({ header, certificate: undefined })).toBe("shop.order");
  expect(await other.callerOf({ header, certificate: undefined })).toBe("shop.order");
  expect(await other.callerOf({ header: undefined, certificate: undefined })).toBeUndefined();
});

test("the header is at hand once it was made", async () => {
  const identity = secretIdentity("shop.order", "s".repeat(32));
  const header = await identity.header();
  expect(identity.header()).toBe(header);
});

test.each(["", "x"])("another secret is refused, and says what to look at (%s)", async (suffix) => {
  const header = `${await secretIdentity("shop.order", "s".repeat(32)).header()}${suffix}`;
  const other = secretIdentity("shop.payment", "t".repeat(32));
  await expect(other.callerOf({ header, certificate: undefined })).rejects.toMatchObject({
    code: Code.Unauthenticated,
    rawMessage: expect.stringContaining("HEDDLE_MESH_SECRET"),
  });
});
