import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const module_ = pathToFileURL("scripts/base-commit.ts").href;

/** An empty repository, and the answer of baseCommit in it. */
function repository() {
  const path = mkdtempSync(join(tmpdir(), "heddle-base-"));
  const identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  const git = (...args: string[]) =>
    execFileSync("git", [...identity, ...args], { cwd: path, encoding: "utf8" }).trim();
  const commit = (message: string) => {
    git("commit", "--quiet", "--allow-empty", "--message", message);
    return git("rev-parse", "HEAD");
  };
  const base = (env: NodeJS.ProcessEnv = {}) => {
    const source = `const { baseCommit } = await import("${module_}"); console.log(await baseCommit());`;
    const args = ["--input-type=module-typescript", "--eval", source];
    const options = { cwd: path, encoding: "utf8", env: { PATH: process.env.PATH, ...env } } as const;
    return execFileSync(process.execPath, args, options).trim();
  };
  git("init", "--quiet", "--initial-branch=main");
  return { git, commit, base, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("a first commit has nothing to be compared with, a second one has the first", () => {
  using place = repository();
  const first = place.commit("one");
  expect(place.base()).toBe("undefined");
  place.commit("two");
  expect(place.base()).toBe(first);
});

test("a branch is compared with where it left origin/main, unless BASE_REF says otherwise", () => {
  using place = repository();
  const first = place.commit("one");
  const fork = place.commit("two");
  place.git("update-ref", "refs/remotes/origin/main", fork);
  expect(place.base()).toBe(first);
  place.commit("three");
  place.commit("four");
  expect(place.base()).toBe(fork);
  expect(place.base({ BASE_REF: first })).toBe(first);
});
