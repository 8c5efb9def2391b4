import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRouteTree, type Match } from "./match.ts";
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

describe("against a reference written from the rules", () => {
  const word = fc.constantFrom("a", "b", "c", "a:x", "b:y", "", "%2F", "a%3Ax");
  const path = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => `/${words.join("/")}`);
  const piece = fc.constantFrom("a", "b", "c", "*", "{p}", "{q}");
  const template = fc
    .tuple(
      fc.uniqueArray(piece, { minLength: 1, maxLength: 3, selector: (text) => (text === "*" ? {} : text) }),
      fc.constantFrom("", "/**", "/{r=**}", "/{r=a/*}", "/{r=b/**}"),
      fc.constantFrom("", "", ":x", ":y"),
    )
    .map(([pieces, tail, verb]) => `/${pieces.join("/")}${tail}${verb}`);
  const method = fc.constantFrom("GET", "POST", "*");
  const rules = fc.array(fc.tuple(method, template), { minLength: 1, maxLength: 8 });

  test("both find the same route and values", () => {
    fc.assert(
      fc.property(rules, path, fc.constantFrom("GET", "POST"), (list, asked, httpMethod) => {
        const tree = createRouteTree<string>();
        const taken = list.filter(([kind, text]) => tree.add(kind, parseTemplate(text), `${kind} ${text}`));
        const expected = reference(
          taken.map(([kind, text]) => ({ kind, template: parseTemplate(text) })),
          httpMethod,
          asked,
        );
        expect(describeMatch(tree.match(httpMethod, asked))).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
  });
});

interface Rule {
  readonly kind: string;
  readonly template: Template;
}

/** Tries every rule on its own and ranks those that fit, as the rules of precedence are written. */
function reference(rules: readonly Rule[], httpMethod: string, path: string): string {
  const verbs = new Set(rules.map(({ template }) => template.verb));
  const fitting = rules.flatMap((rule) => {
    const fit = fitOf(rule.template, path, verbs);
    return fit ? [{ rule, ...fit }] : [];
  });
  const [best] = fitting
    .filter(({ rule }) => rule.kind === httpMethod || rule.kind === "*")
    .sort((a, b) => compare(a.rank, b.rank) || Number(a.rule.kind === "*") - Number(b.rule.kind === "*"));
  if (best) return `${best.rule.kind} ${best.rule.template.text}${best.values.map((value) => ` ${value}`).join("")}`;
  const methods = [...new Set(fitting.map(({ rule }) => rule.kind))].sort();
  return methods.length === 0 ? "404" : `405 ${methods.join(" ")}`;
}

function fitOf(template: Template, path: string, verbs: ReadonlySet<string>) {
  const raw = path.slice(1).split("/");
  if (template.verb !== "") {
    const last = raw.pop() ?? "";
    if (!verbs.has(template.verb) || !last.endsWith(`:${template.verb}`)) return undefined;
    raw.push(last.slice(0, -template.verb.length - 1));
  }
  const rank: number[] = [];
  for (const [index, segment] of template.segments.entries()) {
    if (segment.kind === "rest") rank.push(2);
    else if (raw[index] === undefined) return undefined;
    else if (segment.kind === "one" && raw[index] === "") return undefined;
    else if (segment.kind === "literal" && decodeURIComponent(raw[index]) !== segment.text) return undefined;
    else rank.push(segment.kind === "literal" ? 0 : 1);
  }
  const endless = template.segments.at(-1)?.kind === "rest";
  if (!endless && raw.length !== template.segments.length) return undefined;
  const values = template.variables.map(({ start, end, multi }) => {
    const part = raw.slice(start, end).join("/");
    return multi ? part.replace(/%(?!2f)[0-9a-f]{2}/gi, decodeURIComponent) : decodeURIComponent(part);
  });
  return { rank: [...rank, -1, template.verb === "" ? 1 : 0], values };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index < 0 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

function treeOf(list: readonly string[]) {
  const tree = createRouteTree<string>();
  for (const route of list) {
    const [httpMethod = "", text = ""] = route.split(" ");
    expect(tree.add(httpMethod, parseTemplate(text), route)).toBe(true);
  }
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
