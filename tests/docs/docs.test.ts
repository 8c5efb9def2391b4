import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (path: string) => readFileSync(path, "utf8");

it("every test that the guarantees name exists", () => {
  const named = [...read("docs/guarantees.md").matchAll(/`([^`]+\.test\.ts)`/g)].map(([, path]) => path ?? "");
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => globSync(path).length === 0)).toEqual([]);
});

it("every folder that the README's map names exists", () => {
  const map = /## Map\n([\s\S]*?)\n## /.exec(read("README.md"))?.[1] ?? "";
  const named = [...map.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path ?? "");
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((path) => globSync(path).length === 0)).toEqual([]);
});

it("every variable that the programs read is documented", () => {
  const sources = globSync("{mesh,services,gateway,scripts}/**/*.ts").filter(
    (path) => !/\.(test|fixture)\.ts$/.test(path),
  );
  const variables = new Set(
    sources.flatMap((path) =>
      [
        ...read(path).matchAll(
          /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+): variable\.|\b([A-Z][A-Z0-9_]+): (?:z\n|z\.|atLeast|password)/g,
        ),
      ].map(([, one, other]) => one ?? other ?? ""),
    ),
  );
  expect(variables.size).toBeGreaterThan(15);
  const documented = read("docs/configuration.md");
  expect([...variables].filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
});
