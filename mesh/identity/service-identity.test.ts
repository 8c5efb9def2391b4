import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { serviceIdentity } from "./service-identity.ts";

test("services that share the secret know each other", async () => {
  const header = await serviceIdentity("shop.order", "s".repeat(32)).header();
  const other = serviceIdentity("shop.payment", "s".repeat(32));
  expect(await other.verify(header)).toBe("shop.order");
  expect(await other.verify(header)).toBe("shop.order");
  expect(await other.verify(undefined)).toBeUndefined();
});

test("the header is at hand once it was made", async () => {
  const identity = serviceIdentity("shop.order", "s".repeat(32));
  const header = await identity.header();
  expect(identity.header()).toBe(header);
});

test.each(["", "x"])("another secret is refused, and says what to look at (%s)", async (suffix) => {
  const header = `${await serviceIdentity("shop.order", "s".repeat(32)).header()}${suffix}`;
  await expect(serviceIdentity("shop.payment", "t".repeat(32)).verify(header)).rejects.toMatchObject({
    code: Code.Unauthenticated,
    rawMessage: expect.stringContaining("HEDDLE_MESH_SECRET"),
  });
});
