import { type Browser, chromium, type Page } from "playwright-core";

/** A page of a browser of its own. */
export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** What went wrong on the page: messages of its console, refused requests, uncaught errors. */
  readonly faults: readonly string[];
  /** Every address that the page has asked for. */
  readonly requested: readonly string[];
}

/** Opens a page in the Chromium that `npm run test:browser` has found. */
export async function openPage(options: Parameters<Browser["newPage"]>[0] = {}): Promise<TestPage> {
  const { CHROMIUM_PATH: executablePath } = process.env;
  if (!executablePath) throw new Error("There is no CHROMIUM_PATH. Run: npm run test:browser");
  // Containers have neither the privileges for its sandbox nor much shared memory.
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1440, height: 950 }, ...options });
  const faults: string[] = [];
  const requested: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => requested.push(request.url()));
  return { page, faults, requested, [Symbol.asyncDispose]: () => browser.close() };
}
