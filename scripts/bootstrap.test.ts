import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

/** A repository of its own with one tiny package and one program that prints what it gets. */
function repository(): Disposable & { path: string; write(file: string, content: string): void } {
  const path = mkdtempSync(join(tmpdir(), "heddle-bootstrap-"));
  const write = (file: string, content: string) => {
    mkdirSync(join(path, file, ".."), { recursive: true });
    writeFileSync(join(path, file), content);
  };
  cpSync("scripts/bootstrap.mjs", join(path, "scripts", "bootstrap.mjs"), { recursive: true });
  write("tiny/package.json", JSON.stringify({ name: "tiny", version: "1.0.0", bin: "tiny.js" }));
  write("tiny/tiny.js", "#!/usr/bin/env node\nconsole.log('tiny', ...process.argv.slice(2));\n");
  write("package.json", JSON.stringify({ name: "r", version: "1.0.0", dependencies: { tiny: "file:tiny" } }));
  write("package-lock.json", lockfile("1.0.0"));
  write("scripts/hello.ts", "const words: string[] = process.argv.slice(2);\nconsole.log('hello', ...words);\n");
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function lockfile(version: string): string {
  const packages = {
    "": { name: "r", version: "1.0.0", dependencies: { tiny: "file:tiny" } },
    "node_modules/tiny": { resolved: "tiny", link: true },
    tiny: { name: "tiny", version, bin: { tiny: "tiny.js" } },
  };
  return JSON.stringify({ name: "r", version: "1.0.0", lockfileVersion: 3, requires: true, packages });
}

function spawnBootstrap(path: string, args: string[], nodeArgs: string[] = []) {
  // As from a terminal: without what the repository of this test has set.
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
  const words = [...nodeArgs, "scripts/bootstrap.mjs", ...args];
  const child = spawn(process.execPath, words, { cwd: path, stdio: "pipe", env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const end = once(child, "close").then(([code]) => ({ code: Number(code), output }));
  return { child, end, output: () => output };
}

const installing = "Installing packages";

test("installs once, then runs files and programs with their arguments", async () => {
  using place = repository();
  const first = await spawnBootstrap(place.path, ["scripts/hello.ts", "a b", "--c"]).end;
  expect(first.output).toContain(installing);
  expect(first.output).toContain("hello a b --c\n");
  expect(first.code).toBe(0);
  const second = await spawnBootstrap(place.path, ["tiny", "x"]).end;
  expect(second).toEqual({ code: 0, output: "tiny x\n" });
});

test("what Node has compiled is kept beside the packages", async () => {
  using place = repository();
  place.write("scripts/where.ts", "console.log(process.getBuiltinModule('module').getCompileCacheDir());\n");
  const { output } = await spawnBootstrap(place.path, ["scripts/where.ts"]).end;
  expect(output).toContain(join(place.path, "node_modules", ".cache", "node"));
});

test("installs again when the lockfile has changed or the installation was broken off", async () => {
  using place = repository();
  const run = async () => (await spawnBootstrap(place.path, ["scripts/hello.ts"]).end).output;
  await run();
  place.write("tiny/package.json", JSON.stringify({ name: "tiny", version: "1.1.0", bin: "tiny.js" }));
  place.write("package-lock.json", lockfile("1.1.0"));
  expect(await run()).toContain(installing);
  rmSync(join(place.path, "node_modules", ".package-lock.json"));
  expect(await run()).toContain(installing);
  expect(await run()).toBe("hello\n");
});

test("accepts what npm has installed by hand", async () => {
  using place = repository();
  await spawnBootstrap(place.path, ["scripts/hello.ts"]).end;
  const stamp = join(place.path, "node_modules", ".heddle-installed");
  rmSync(stamp);
  expect(await spawnBootstrap(place.path, ["scripts/hello.ts"]).end).toEqual({ code: 0, output: "hello\n" });
  expect(existsSync(stamp)).toBe(true);
});

test("two starts at once install once", async () => {
  using place = repository();
  const starts = [spawnBootstrap(place.path, ["scripts/hello.ts"]), spawnBootstrap(place.path, ["scripts/hello.ts"])];
  const ends = await Promise.all(starts.map((start) => start.end));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(ends.filter(({ output }) => output.includes(`✓ ${installing}`))).toHaveLength(1);
});

test("says what npm said when the installation fails", async () => {
  using place = repository();
  place.write("package-lock.json", "{}");
  const { code, output } = await spawnBootstrap(place.path, ["scripts/hello.ts"]).end;
  expect(code).toBe(1);
  expect(output).toMatch(/npm error.*The packages could not be installed/s);
  expect(output).not.toMatch(/\n\s+at /);
});

test("an old Node, an unknown program and no program are clear faults", async () => {
  using place = repository();
  const old = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'18.20.1'}})";
  const onOld = await spawnBootstrap(place.path, ["scripts/hello.ts"], ["--import", old]).end;
  expect(onOld.output).toMatch(/^Heddle needs Node 20 or newer to start, and this is 18\.20\.1\./);
  expect(onOld.code).toBe(1);
  expect((await spawnBootstrap(place.path, []).end).output).toMatch(/^Usage:/);
  expect((await spawnBootstrap(place.path, ["nothing"]).end).output).toContain("There is no program nothing");
});

test("a Node that is too old for the programs is a clear fault where none is pinned", async () => {
  using place = repository();
  await spawnBootstrap(place.path, ["scripts/hello.ts"]).end;
  const older = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'22.1.0'}})";
  const { code, output } = await spawnBootstrap(place.path, ["scripts/hello.ts"], ["--import", older]).end;
  expect(output).toMatch(/Heddle needs Node 24 or newer, and this is 22\.1\.0\./);
  expect(code).toBe(1);
});

test("passes signals on and returns the exit code", async () => {
  using place = repository();
  place.write(
    "scripts/wait.ts",
    `process.on("SIGTERM", () => { console.log("asked to stop"); process.exit(7); });
    setInterval(() => {}, 1000);
    console.log("waiting");`,
  );
  const { child, end, output } = spawnBootstrap(place.path, ["scripts/wait.ts"]);
  await expect.poll(output).toContain("waiting");
  child.kill("SIGTERM");
  expect(await end).toMatchObject({ code: 7, output: expect.stringContaining("asked to stop") });
});

test("a program learns that the bootstrap was killed", async () => {
  using place = repository();
  place.write(
    "scripts/wait.ts",
    `import { writeFileSync } from "node:fs";
    process.on("disconnect", () => { writeFileSync("alone", "yes"); process.exit(); });
    console.log("waiting");`,
  );
  const { child, output } = spawnBootstrap(place.path, ["scripts/wait.ts"]);
  await expect.poll(output).toContain("waiting");
  child.kill("SIGKILL");
  const alone = join(place.path, "alone");
  await expect.poll(() => existsSync(alone) && readFileSync(alone, "utf8")).toBe("yes");
});

test("a program ends when npm was killed above it", async () => {
  using place = repository();
  place.write(
    "scripts/wait.ts",
    `import { writeFileSync } from "node:fs";
    process.on("SIGTERM", () => { writeFileSync("ended", "yes"); process.exit(); });
    setInterval(() => {}, 1000);
    console.log("waiting");`,
  );
  // Like npm: a process that runs a shell that runs the bootstrap.
  const command = `"${process.execPath}" scripts/bootstrap.mjs scripts/wait.ts; true`;
  const source = `require("child_process").spawn("sh", ["-c", ${JSON.stringify(command)}], { stdio: "inherit" })`;
  const env = { ...process.env, npm_lifecycle_event: "start" };
  const npm = spawn(process.execPath, ["--eval", source], { cwd: place.path, env, stdio: "pipe" });
  let output = "";
  npm.stdout.on("data", (data) => (output += data));
  await expect.poll(() => output).toContain("waiting");
  npm.kill("SIGKILL");
  await expect.poll(() => existsSync(join(place.path, "ended"))).toBe(true);
});
