/** A rule: "GET /v1/{id}". */
export type PlainRule = string;

/**
 * Finds the rule of a request once more, as plainly as the grammar of google/api/http.proto and the rules of precedence
 * can be said: each template becomes a regular expression, every rule is tried, and those that fit are ranked. It shares
 * nothing with the matcher. Answers "<rule> <values>", "404", or "405 <methods>".
 */
export function referenceMatch(rules: readonly PlainRule[], httpMethod: string, path: string): string {
  const fitting = rules.map((rule) => ({ rule, fit: fitOf(rule, path) })).filter(({ fit }) => fit !== undefined);
  const mine = fitting.filter(({ rule }) => methodOf(rule) === httpMethod || methodOf(rule) === "*");
  const [best] = mine.sort((a, b) => compare(a.rule, b.rule));
  if (best) return [best.rule, ...(best.fit ?? [])].join(" ");
  const methods = [...new Set(fitting.map(({ rule }) => methodOf(rule)))].sort();
  return methods.length === 0 ? "404" : `405 ${methods.join(" ")}`;
}

function methodOf(rule: PlainRule): string {
  return rule.slice(0, rule.indexOf(" "));
}

/** Template = "/" Segments [ Verb ]; the verb stands behind the last colon outside braces. */
function split(rule: PlainRule): { segments: string[]; verb: string } {
  const template = rule.slice(rule.indexOf("/"));
  const [, body = "", verb = ""] = /^(.*?)(?::([^:/{}]+))?$/.exec(template) ?? [];
  // A slash inside braces belongs to the variable.
  return { segments: body.slice(1).match(/\{[^}]*\}|[^/]+/g) ?? [], verb };
}

/** Segment = "*" | "**" | LITERAL | Variable; a variable stands for the segments of its pattern, or for "*". */
function patternsOf(segment: string): string[] {
  return segment.startsWith("{") ? (/=(.*)\}/.exec(segment)?.[1] ?? "*").split("/") : [segment];
}

/** The values of the variables, undefined for a path of another form. */
function fitOf(rule: PlainRule, path: string): string[] | undefined {
  const { segments, verb } = split(rule);
  const source = segments.map((segment) => expressionOf(segment)).join("");
  const found = new RegExp(`^${source}${verb === "" ? "" : `:${verb}`}$`).exec(path);
  if (!found) return undefined;
  const variables = segments.filter((segment) => segment.startsWith("{"));
  return variables.map((variable, index) => decode(variable, (found[index + 1] ?? "").replace(/^\//, "")));
}

/** "**" takes the slash before it along, for it may take nothing at all. */
function expressionOf(segment: string): string {
  const source = patternsOf(segment)
    .map((pattern) => (pattern === "**" ? "(?:/.*)?" : pattern === "*" ? "/[^/]+" : `/${pattern}`))
    .join("");
  return segment.startsWith("{") ? `(${source})` : source;
}

/** A variable of one segment is decoded whole; of another everything but the slash. */
function decode(variable: string, raw: string): string {
  const [first, ...more] = patternsOf(variable);
  if (more.length === 0 && first !== "**") return decodeURIComponent(raw);
  return raw.replace(/(?:%(?!2[Ff])[0-9A-Fa-f]{2})+/g, (escapes) => decodeURIComponent(escapes));
}

/** The first segment that differs decides; a verb comes before none, a method by name before all. */
function compare(a: PlainRule, b: PlainRule): number {
  const [left, right] = [split(a), split(b)];
  const [ranksOfLeft, ranksOfRight] = [left, right].map(({ segments }) => segments.flatMap(patternsOf).map(rankOf));
  for (let index = 0; ; index++) {
    const [one, other] = [ranksOfLeft?.[index], ranksOfRight?.[index]];
    if (one === undefined && other === undefined) break;
    if (one !== other) return (one ?? -1) - (other ?? -1);
  }
  return (
    Number(left.verb === "") - Number(right.verb === "") || Number(methodOf(a) === "*") - Number(methodOf(b) === "*")
  );
}

function rankOf(pattern: string): number {
  return pattern === "**" ? 2 : pattern === "*" ? 1 : 0;
}
