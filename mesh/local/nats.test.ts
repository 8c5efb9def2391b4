import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findNatsServer } from "./find-nats-server.ts";
import { localNats } from "./nats.ts";
import { natsConfig } from "./nats-config.ts";
import { greets } from "./nats-ready.ts";
import { isRunning } from "./other-process.ts";
import { freePort } from "./port.ts";
import { killedAfter, testFolder } from "./test-folder.ts";

test("a started server greets with JetStream, a stopped one is gone", async () => {
  using folder = testFolder();
  const server = await localNats({ folder: folder.path });
  await server.start();
  const port = Number(new URL(server.url).port);
  expect(await greets(port)).toBe(true);
  await server.stop();
  expect(await greets(port)).toBe(false);
  expect(existsSync(join(folder.path, "owner"))).toBe(false);
});

test("an orphan of a killed predecessor is taken down first", async () => {
  using folder = testFolder();
  await killedAfter(`await (await localNats({ folder: ${JSON.stringify(folder.path)} })).start();`);
  const orphan = Number(readFileSync(join(folder.path, "pid"), "utf8"));
  expect(isRunning(orphan)).toBe(true);
  const server = await localNats({ folder: folder.path });
  await server.start();
  expect(isRunning(orphan)).toBe(false);
  await server.stop();
});

test("a port in use names the variable to change", async () => {
  using folder = testFolder();
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  await expect.poll(() => other.listening).toBe(true);
  const server = await localNats({ folder: folder.path, port });
  await expect(server.start()).rejects.toThrow(/set HEDDLE_NATS_PORT to another port/);
  other.close();
});

test("the configuration holds only what the version understands", () => {
  const options = { host: "127.0.0.1", port: 1, storeFolder: "/a b" };
  expect(natsConfig({ ...options, version: [2, 9] })).not.toContain("sync_interval");
  expect(natsConfig({ ...options, version: [2, 12] })).toContain("sync_interval");
  expect(natsConfig({ ...options, version: [2, 9] })).toContain('store_dir: "/a b"');
});

test("the program is found with its version", async () => {
  const found = await findNatsServer();
  expect(found.version[0]).toBeGreaterThanOrEqual(2);
});
