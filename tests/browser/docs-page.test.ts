import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startFeed } from "../../gateway/feed.fixture.ts";
import { startLibrary } from "../../gateway/library.fixture.ts";
import { signIn } from "../e2e/customer.ts";
import { startShop, type TestShop } from "../e2e/shop.ts";
import { openPage } from "./browser.ts";

const exec = promisify(execFile);
let shop: TestShop;

beforeAll(async () => {
  shop = await startShop();
});

afterAll(() => shop?.[Symbol.asyncDispose]());

/** Where screenshots go when somebody wants to look at them. */
const { SCREENSHOTS: folder } = process.env;

it("signs in and places an order, and asks nobody but its own server", async () => {
  await using browser = await openPage();
  const { page, faults, requested } = browser;
  await page.goto(`${shop.url}/docs`);
  await page.getByRole("link", { name: "POST /v1/sessions", exact: true }).click();
  await page.getByRole("heading", { level: 2, name: "Signs a user in" }).waitFor();
  await page.getByLabel("Body").fill('{"email": "ada@heddle.local", "password": "heddle-demo"}');
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("button", { name: "Use this access token" }).click();
  expect(await page.getByLabel("Access token").inputValue()).toMatch(/^eyJ/);
  if (folder) await page.screenshot({ path: `${folder}/session.png` });

  await page.getByRole("link", { name: "POST /v1/orders", exact: true }).click();
  await shows(page, "shop.order.v1.OrderService/PlaceOrder");
  // The body that the page proposes is an order that can be placed.
  expect(JSON.parse(await page.getByLabel("Body").inputValue())).toMatchObject({ paymentMethod: "pm_card_visa" });
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#answer .status").waitFor();
  if (folder) await page.screenshot({ path: `${folder}/order.png` });
  const order = JSON.parse((await page.locator("#answer pre").textContent()) ?? "");
  expect(order).toMatchObject({ status: "ORDER_STATUS_PENDING", items: [{ quantity: 1 }] });
  expect(faults).toEqual([]);
  expect(requested.filter((url) => !url.startsWith(shop.url))).toEqual([]);
});

it("writes the same call for curl and for buf curl", async () => {
  const { token } = await signIn(shop.http, "ada@heddle.local", "heddle-demo");
  await using browser = await openPage();
  const { page } = browser;
  await page.goto(`${shop.url}/docs#shop.order.v1.OrderService.ListOrders`);
  await page.getByLabel("Access token").fill(token);
  await page.getByLabel("pageSize").fill("7");
  expect(await run(await copied(page, "curl"), token)).toMatchObject({ orders: expect.anything() });
  expect(await run(await copied(page, "buf curl"), token)).toMatchObject({});
  expect(await copied(page, "grpcurl")).toContain(`-d '{"pageSize":7}'`);
  await page.goto(`${shop.url}/docs#shop.catalog.v1.CatalogService.GetProduct`);
  await shows(page, "shop.catalog.v1.CatalogService/GetProduct");
  await page.getByLabel("id").fill("01980000-0000-7000-8000-000000000002");
  const product = await run(await copied(page, "curl"), token);
  expect(product).toMatchObject({ id: "01980000-0000-7000-8000-000000000002" });
  expect(await run(await copied(page, "buf curl"), token)).toMatchObject({ product: { id: product.id } });
});

it("keeps a token that was typed before the document had arrived", async () => {
  await using browser = await openPage();
  const { page } = browser;
  const typed = Promise.withResolvers<void>();
  await page.route("**/openapi.json", async (route) => {
    await typed.promise;
    await route.continue();
  });
  await page.goto(`${shop.url}/docs#shop.order.v1.OrderService.ListOrders`);
  await page.getByLabel("Access token").fill("early");
  typed.resolve();
  await page.locator("h2.summary").waitFor();
  expect(await page.getByLabel("Access token").inputValue()).toBe("early");
  expect(await copied(page, "curl")).toContain("Bearer $TOKEN");
});

it("shows what the server refuses, and refuses what is no JSON itself", async () => {
  await using browser = await openPage();
  const { page } = browser;
  await page.goto(`${shop.url}/docs#shop.order.v1.OrderService.PlaceOrder`);
  await page.getByRole("button", { name: "Send" }).click();
  await expect.poll(() => page.locator("#answer .status").textContent()).toBe("401");
  await page.getByLabel("Body").fill("{");
  await page.getByRole("button", { name: "Send" }).click();
  await expect.poll(() => page.getByRole("alert").textContent()).toMatch(/^The body is not JSON/);
});

it("finds operations by words, also with the keyboard alone", async () => {
  await using browser = await openPage({ colorScheme: "dark" });
  const { page, faults } = browser;
  await page.goto(`${shop.url}/docs`);
  await page.keyboard.press("/");
  await page.keyboard.type("cancel pending");
  await expect.poll(() => page.locator("nav li").count()).toBe(1);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator("h2.summary").textContent()).toMatch(/^Cancels a pending order/);
  expect(await page.evaluate("document.activeElement.id")).toBe("operation");
  if (folder) await page.screenshot({ path: `${folder}/dark.png` });
  const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const dark = await ground();
  await page.getByRole("button", { name: /light and dark/ }).click();
  expect(await ground()).not.toBe(dark);
  await page.getByLabel("Search").fill("no such words");
  await expect.poll(() => page.getByText("No operation has these words.").isVisible()).toBe(true);
  expect(faults).toEqual([]);
});

it("shows the messages of a stream as they come, and how it broke off", async () => {
  const gate = Promise.withResolvers<void>();
  await using library = await startLibrary({
    async *watch() {
      yield { title: "first" };
      await gate.promise;
      yield { title: "second" };
      throw new Error("lost");
    },
  });
  await using browser = await openPage();
  const { page } = browser;
  await page.goto(`${library.url}/docs#test.library.v1.Library.WatchBook`);
  await page.getByLabel("id").fill("7");
  await page.getByRole("button", { name: "Send" }).click();
  const messages = page.locator("#answer li");
  await expect.poll(() => messages.allTextContents()).toEqual([expect.stringContaining('"first"')]);
  gate.resolve();
  await expect.poll(() => messages.count()).toBe(3);
  expect(await messages.nth(2).textContent()).toContain('"error"');
  await expect.poll(() => page.getByRole("alert").textContent()).toMatch(/broke off/);
});

it("sends a stream of requests as an array, and writes it for buf curl", async () => {
  await using feed = await startFeed({
    append: async (requests) => ({ texts: (await Array.fromAsync(requests)).map(({ id, text }) => `${id}: ${text}`) }),
  });
  await using browser = await openPage();
  const { page, faults } = browser;
  await page.goto(`${feed.url}/docs#test.feed.v1.Feed.Append`);
  await page.getByLabel("id").fill("7");
  expect(JSON.parse(await page.getByLabel("Body").inputValue())).toEqual([{}]);
  await page.getByLabel("Body").fill('[{"text": "a"}, {"text": "b"}]');
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#answer .status").waitFor();
  const expected = { texts: ["7: a", "7: b"] };
  expect(JSON.parse((await page.locator("#body").textContent()) ?? "")).toMatchObject(expected);
  expect(await run(await copied(page, "curl"), "")).toMatchObject(expected);
  expect(await run(await copied(page, "buf curl"), "")).toMatchObject(expected);
  // A form may be sent there, too.
  await page.goto(`${feed.url}/docs#test.feed.v1.Feed.Post`);
  await shows(page, "test.feed.v1.Feed/Post");
  expect(await page.getByText("application/json, multipart/form-data").isVisible()).toBe(true);
  await page.locator("#parameter-id").fill("7");
  await page.getByLabel("Body").fill('{"title": "a", "picture": "YQ=="}');
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("#answer .status").waitFor();
  expect(JSON.parse((await page.locator("#body").textContent()) ?? "")).toMatchObject({ title: "a", picture: "YQ==" });
  expect(faults).toEqual([]);
});

it("fits a telephone", async () => {
  await using browser = await openPage({ viewport: { width: 390, height: 800 } });
  const { page } = browser;
  await page.goto(`${shop.url}/docs#shop.order.v1.OrderService.PlaceOrder`);
  await page.locator("h2.summary").waitFor();
  if (folder) await page.screenshot({ path: `${folder}/telephone.png`, fullPage: true });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
});

/** Waits until the page shows an rpc: it turns a moment after the click on a link, or the change of its address. */
async function shows(page: Page, rpc: string): Promise<void> {
  await page.locator(".facts").getByText(rpc, { exact: true }).waitFor();
}

async function copied(page: Page, name: string): Promise<string> {
  await page.getByRole("button", { name, exact: true }).click();
  return (await page.locator("#snippet").textContent()) ?? "";
}

/** Runs a command as a shell does, with Heddle's own buf. */
async function run(command: string, token: string) {
  const env = { ...process.env, PATH: `node_modules/.bin:${process.env.PATH}`, TOKEN: token };
  const { stdout } = await exec("bash", ["-c", command], { env });
  return JSON.parse(stdout);
}
