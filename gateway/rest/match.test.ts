import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRouteTree, type Match } from "./match.ts";
import { referenceMatch } from "./reference-matcher.fixture.ts";
import { parseTemplate, type Template } from "./route-template.ts";

const routes = [
  "GET /v1/shelves",
  "GET /v1/shelves/{shelf}",
  "DELETE /v1/shelves/{shelf}",
  "GET /v1/shelves/special",
  "PUT /v1/shelves/special",
  "POST /v1/shelves/{shelf}:archive",
  "POST /v1/shelves:batchGet",
  "GET /v1/shelves/{shelf}/books/{book}",
  "GET /v1/{name=shelves/*/books/*}/pages",
  "GET /v1/files/{name=**}",
  "POST /v1/files/{name=**}:touch",
  "GET /v1/files/fixed/{name}",
  "* /v1/any/{x}",
  "GET /v1/any/{y}",
  "GET /v1/deep/*/a/b",
  "GET /v1/deep/x/{z}/c",
  "GET /v1/tail/{name=a/**}",
  "GET /v1/café/{x}",
];

const cases: [request: string, expected: string][] = [
  ["GET /v1/shelves", "GET /v1/shelves"],
  ["GET /v1/shelves/7", "GET /v1/shelves/{shelf} 7"],
  ["GET /v1/shelves/special", "GET /v1/shelves/special"],
  // The method comes first: a literal of another method does not hide the variable.
  ["DELETE /v1/shelves/special", "DELETE /v1/shelves/{shelf} special"],
  ["PATCH /v1/shelves/special", "405 DELETE GET PUT"],
  ["POST /v1/shelves", "405 GET"],
  ["GET /v1", "404"],
  ["GET /v1/", "404"],
  ["GET /", "404"],
  ["GET /v1/shelves/", "404"],
  ["GET /v1//shelves", "404"],
  ["GET /v1/shelves/7/", "404"],
  ["GET /v1/shelves/7/books", "404"],
  ["GET /V1/shelves", "404"],
  // Raw splitting, decoding after.
  ["GET /v1/shelves/a%2Fb", "GET /v1/shelves/{shelf} a/b"],
  ["GET /v1/shelves/a%252Fb", "GET /v1/shelves/{shelf} a%2Fb"],
  ["GET /v1/shelves/%2E%2E", "GET /v1/shelves/{shelf} .."],
  ["GET /v1/shelves/a+b", "GET /v1/shelves/{shelf} a+b"],
  ["GET /v1/shelves/a%20b", "GET /v1/shelves/{shelf} a b"],
  ["GET /v1/shelves/%E2%82%AC", "GET /v1/shelves/{shelf} €"],
  ["GET /v1/shelve%73/7", "GET /v1/shelves/{shelf} 7"],
  ["GET /v1%2Fshelves/7", "404"],
  ["GET /v1/caf%C3%A9/1", "GET /v1/café/{x} 1"],
  ["GET /v1/shelves/%zz", "400"],
  ["GET /v1/shelves/%f", "400"],
  ["GET /v1/shelves/%ff", "400"],
  ["GET /v1/nothing/%ff", "400"],
  // Verbs.
  ["POST /v1/shelves/7:archive", "POST /v1/shelves/{shelf}:archive 7"],
  ["POST /v1/shelves/a:b:archive", "POST /v1/shelves/{shelf}:archive a:b"],
  ["GET /v1/shelves/user:123", "GET /v1/shelves/{shelf} user:123"],
  ["GET /v1/shelves/7:archive", "GET /v1/shelves/{shelf} 7:archive"],
  ["POST /v1/shelves/7%3Aarchive", "405 DELETE GET"],
  ["POST /v1/shelves/:archive", "405 DELETE GET"],
  ["POST /v1/shelves:batchGet", "POST /v1/shelves:batchGet"],
  ["GET /v1/shelves:batchGet", "405 POST"],
  ["GET /v1/shelves:other", "404"],
  ["GET /v1/shelves/a:", "GET /v1/shelves/{shelf} a:"],
  // Several segments.
  ["GET /v1/shelves/1/books/2", "GET /v1/shelves/{shelf}/books/{book} 1 2"],
  ["GET /v1/shelves/1/books/2/pages", "GET /v1/{name=shelves/*/books/*}/pages shelves/1/books/2"],
  ["GET /v1/shelves/a%2Fb/books/c%20d/pages", "GET /v1/{name=shelves/*/books/*}/pages shelves/a%2Fb/books/c d"],
  ["GET /v1/shelves/a%2fb/books/%252F/pages", "GET /v1/{name=shelves/*/books/*}/pages shelves/a%2fb/books/%2F"],
  ["GET /v1/files", "GET /v1/files/{name=**} "],
  ["GET /v1/files/", "GET /v1/files/{name=**} "],
  ["GET /v1/files/a", "GET /v1/files/{name=**} a"],
  ["GET /v1/files/a/b//c", "GET /v1/files/{name=**} a/b//c"],
  ["GET /v1/files/%2E%2E/x", "GET /v1/files/{name=**} ../x"],
  ["GET /v1/files/a%2Fb/c%2fd", "GET /v1/files/{name=**} a%2Fb/c%2fd"],
  ["GET /v1/files/fixed/a", "GET /v1/files/fixed/{name} a"],
  ["GET /v1/files/fixed/a/b", "GET /v1/files/{name=**} fixed/a/b"],
  ["GET /v1/files/fixed", "GET /v1/files/{name=**} fixed"],
  ["POST /v1/files/a/b:touch", "POST /v1/files/{name=**}:touch a/b"],
  ["POST /v1/files:touch", "POST /v1/files/{name=**}:touch "],
  ["POST /v1/files/a:b", "405 GET"],
  ["GET /v1/files/a:touch", "GET /v1/files/{name=**} a:touch"],
  ["GET /v1/tail/a", "GET /v1/tail/{name=a/**} a"],
  ["GET /v1/tail/a/b/c", "GET /v1/tail/{name=a/**} a/b/c"],
  ["GET /v1/tail/b", "404"],
  // Backtracking out of a dead end, and methods.
  ["GET /v1/deep/x/a/b", "GET /v1/deep/*/a/b"],
  ["GET /v1/deep/x/a/c", "GET /v1/deep/x/{z}/c a"],
  ["GET /v1/any/1", "GET /v1/any/{y} 1"],
  ["BREW /v1/any/1", "* /v1/any/{x} 1"],
];

describe("matching", () => {
  const forwards = treeOf(routes);
  const backwards = treeOf([...routes].reverse());

  test.each(cases)("%s", (request, expected) => {
    expect(answer(forwards, request)).toBe(expected);
    expect(answer(backwards, request)).toBe(expected);
  });
});

test("two routes of one shape and method do not fit into a tree", () => {
  const tree = createRouteTree<string>();
  expect(tree.add("GET", parseTemplate("/v1/{a}"), "a")).toBe(true);
  expect(tree.add("POST", parseTemplate("/v1/{b}"), "b")).toBe(true);
  expect(tree.add("GET", parseTemplate("/v1/{c=*}"), "c")).toBe(false);
  expect(tree.add("GET", parseTemplate("/v1/{c=*}:verb"), "c")).toBe(true);
});

describe("against a reference written from the grammar", () => {
  const word = fc.constantFrom(
    "a",
    "b",
    "c",
    "a:x",
    "b:y",
    "a:x:y",
    ":x",
    "",
    "%2F",
    "a%3Ax",
    "%E2%82%AC",
    "a%2fb",
    "..",
  );
  const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => `/${words.join("/")}`);
  const piece = fc.constantFrom("a", "b", "c", "*", "{p}", "{q=*}", "{s=a}", "{t=a/*}", "{u=*/b}");
  const template = fc
    .tuple(
      fc.uniqueArray(piece, { minLength: 1, maxLength: 4, selector: (text) => (text.startsWith("{") ? text : {}) }),
      fc.constantFrom("", "/**", "/{r=**}", "/{r=a/*}", "/{r=b/**}"),
      fc.constantFrom("", "", ":x", ":y"),
    )
    .map(([pieces, tail, verb]) => `/${pieces.join("/")}${tail}${verb}`);
  const method = fc.constantFrom("GET", "POST", "*");
  const rules = fc.array(fc.tuple(method, template), { minLength: 1, maxLength: 10 });

  test("both find the same rule and values, in whatever order the rules come", () => {
    fc.assert(
      fc.property(rules, path, fc.constantFrom("GET", "POST"), (list, asked, httpMethod) => {
        const tree = createRouteTree<string>();
        const lines = list.map(([kind, text]) => `${kind} ${text}`);
        const taken = lines.filter((line) => tree.add(...added(line)));
        const expected = referenceMatch(taken, httpMethod, asked);
        expect(describeMatch(tree.match(httpMethod, asked))).toBe(expected);
        const backwards = treeOf([...taken].reverse());
        expect(describeMatch(backwards.match(httpMethod, asked))).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
  });
});

function added(line: string): [httpMethod: string, template: Template, route: string] {
  const [httpMethod = "", text = ""] = line.split(" ");
  return [httpMethod, parseTemplate(text), line];
}

function treeOf(list: readonly string[]) {
  const tree = createRouteTree<string>();
  for (const route of list) expect(tree.add(...added(route))).toBe(true);
  return tree;
}

function answer(tree: ReturnType<typeof treeOf>, request: string): string {
  const [httpMethod = "", path = ""] = request.split(" ");
  try {
    return describeMatch(tree.match(httpMethod, path));
  } catch {
    return "400";
  }
}

function describeMatch(match: Match<string>): string {
  if (match.found) return `${match.route}${match.values.map((value) => ` ${value}`).join("")}`;
  return match.methods.length === 0 ? "404" : `405 ${match.methods.join(" ")}`;
}
