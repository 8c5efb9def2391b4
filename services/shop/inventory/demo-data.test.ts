import { expect, test } from "vitest";
import { AvailabilityChangedSchema } from "#gen/shop/inventory/v1/inventory_events_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { someUser, testMesh } from "../mesh.fixture.ts";
import { demoStock } from "./demo-data.ts";
import { inventoryService } from "./service.ts";

const lastOne = "01980000-0000-7000-8000-000000000024";

test("demo stock is put in once, by one of several processes", async () => {
  await using mesh = await testMesh();
  const create = () => inventoryService(mesh.config(InventoryService), { demoData: true });
  const [service] = await Promise.all([mesh.start(create()), mesh.start(create())]);
  const client = await mesh.client(InventoryService, service.address);
  const admin = await mesh.as(someUser("admin"));
  const read = async (productId: string) => (await client.getStock({ productId }, admin)).stock?.onHand;
  expect(await Promise.all(demoStock.map((item) => read(item.productId)))).toEqual(
    demoStock.map((item) => item.quantity),
  );
  expect(await read(lastOne)).toBe(1);

  await client.adjustStock({ productId: lastOne, delta: -1, reason: "sold" }, admin);
  const inside = await mesh.inside("shop.inventory");
  await mesh.start(create());
  expect(await read(lastOne)).toBe(0);
  expect((await inside.announced(AvailabilityChangedSchema)).length).toBe(demoStock.length + 1);
});

test("24 products have stock, the last one exactly one piece, the others 100 to 1000", () => {
  const [last, ...others] = demoStock.toReversed();
  expect(demoStock.length).toBe(24);
  expect(last).toEqual({ productId: lastOne, quantity: 1 });
  expect(others.every(({ quantity }) => quantity >= 100 && quantity <= 1000)).toBe(true);
});
