import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { demoProduct, signIn } from "./customer.ts";
import { shopFolder } from "./started-shop.ts";

describe("npm start", () => {
  it("shows one screen, keeps the data for a second start, and drops it with --fresh", async () => {
    await using folder = await shopFolder();
    const first = await folder.start();
    await expect.poll(first.output).toMatch(/ada@heddle\.local/);
    expect(first.output()).toContain(`localhost:${folder.environment.GATEWAY_PORT}`);
    expect(first.output().match(/curl /g)?.length).toBeGreaterThanOrEqual(3);
    const ada = await signIn(first.http, "ada@heddle.local", "heddle-demo");
    const placed = await ada.order([{ productId: demoProduct(1), quantity: 1 }]);
    await ada.settled(placed.body.id);
    expect(await first.stop("SIGTERM")).toBe(0);

    const second = await folder.start();
    const again = await signIn(second.http, "ada@heddle.local", "heddle-demo");
    expect(await again.settled(placed.body.id)).toMatchObject({ status: "ORDER_STATUS_CONFIRMED" });
    expect(await second.stop("SIGINT")).toBe(0);

    const fresh = await folder.start(["--fresh"]);
    const anew = await signIn(fresh.http, "ada@heddle.local", "heddle-demo");
    const orders = await fresh.http("GET /v1/orders", { token: anew.token });
    expect(orders.body.orders).toEqual([]);
  }, 300_000);

  it("names the variable to change when a port is taken, and stops what it had started", async () => {
    await using folder = await shopFolder();
    const squatter = createServer().listen(Number(folder.environment.GATEWAY_PORT), "127.0.0.1");
    await once(squatter, "listening");
    try {
      const failure = await folder.start().catch((error: unknown) => error);
      expect(String(failure)).toContain("GATEWAY_PORT");
      expect(String(failure)).not.toMatch(/\n\s+at /);
    } finally {
      squatter.close();
    }
    // Nothing of the failed start is in the way of the next one.
    await folder.start();
  }, 300_000);

  it("refuses a second start on the same folder while the first runs", async () => {
    await using folder = await shopFolder();
    await folder.start();
    await using other = await shopFolder({ HEDDLE_DATA: folder.environment.HEDDLE_DATA ?? "" });
    const failure = await other.start().catch((error: unknown) => error);
    expect(String(failure)).toMatch(/already|another/);
    expect(String(failure)).not.toMatch(/\n\s+at /);
  }, 300_000);
});
