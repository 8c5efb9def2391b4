import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deleteLocalData } from "./fresh-data.ts";
import { readStartSettings } from "./start-environment.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "heddle-fresh-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("deletes what the shop wrote and leaves the folder to its owner", async () => {
  mkdirSync(join(folder, "postgres", "data"), { recursive: true });
  mkdirSync(join(folder, "nats"));
  writeFileSync(join(folder, "mesh-secret"), "x");
  writeFileSync(join(folder, "owner"), "1");
  await deleteLocalData(readStartSettings({ HEDDLE_DATA: folder }));
  expect(["postgres", "nats", "mesh-secret"].filter((name) => existsSync(join(folder, name)))).toEqual([]);
  expect(existsSync(join(folder, "owner"))).toBe(true);
});

test("refuses a folder in which something else lies", async () => {
  mkdirSync(join(folder, "postgres"));
  writeFileSync(join(folder, "thesis.txt"), "mine");
  await expect(deleteLocalData(readStartSettings({ HEDDLE_DATA: folder }))).rejects.toThrow(/thesis\.txt/);
  expect(existsSync(join(folder, "postgres"))).toBe(true);
});

test("refuses to pretend that it empties a server that is not ours", async () => {
  const settings = readStartSettings({ HEDDLE_DATA: folder, POSTGRES_URL: "postgres://elsewhere/postgres" });
  await expect(deleteLocalData(settings)).rejects.toThrow(/POSTGRES_URL is set/);
});
