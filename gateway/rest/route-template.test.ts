import { describe, expect, test } from "vitest";
import { parseTemplate, type Segment, type Template, TemplateError } from "./route-template.ts";

const good: [text: string, segments: string, verb: string, variables: string][] = [
  ["/v1", "v1", "", ""],
  ["/v1/shelves", "v1 shelves", "", ""],
  ["/v1/*", "v1 *", "", ""],
  ["/v1/**", "v1 **", "", ""],
  ["/**", "**", "", ""],
  ["/v1/{id}", "v1 *", "", "id 1-2"],
  ["/v1/{id=*}", "v1 *", "", "id 1-2"],
  ["/v1/{id=fixed}", "v1 fixed", "", "id 1-2"],
  ["/v1/{book.name}", "v1 *", "", "book.name 1-2"],
  ["/v1/{name=shelves/*}", "v1 shelves *", "", "name 1-3 multi"],
  ["/v1/{name=**}", "v1 **", "", "name 1-end multi"],
  ["/v1/{name=files/**}", "v1 files **", "", "name 1-end multi"],
  ["/v1/{a}/x/{b=y/*}", "v1 * x y *", "", "a 1-2, b 3-5 multi"],
  ["/v1/orders/{id}:cancel", "v1 orders *", "cancel", "id 2-3"],
  ["/v1/orders:batchGet", "v1 orders", "batchGet", ""],
  ["/v1/{name=**}:undelete", "v1 **", "undelete", "name 1-end multi"],
  ["/v1/caf%C3%A9", "v1 café", "", ""],
  ["/v1/a-b._~!$&'()+,;@c", "v1 a-b._~!$&'()+,;@c", "", ""],
];

describe("templates of the grammar", () => {
  test.each(good)("%s", (text, segments, verb, variables) => {
    expect(describeTemplate(parseTemplate(text))).toEqual({ segments, verb, variables });
  });
});

const bad: [text: string, problem: string, column: number][] = [
  ["", 'begins with "/"', 1],
  ["v1", 'begins with "/"', 1],
  ["/", "expected a segment", 2],
  ["/v1/", "expected a segment", 5],
  ["//v1", "expected a segment", 2],
  ["/v1//x", "expected a segment", 5],
  ["/v1/{}", "expected a field path", 6],
  ["/v1/{1a}", "expected a field path", 6],
  ["/v1/{a", 'expected "}"', 7],
  ["/v1/{a=}", "expected a segment", 8],
  ["/v1/{a={b}}", "variables do not nest", 8],
  ["/v1/{a=x/{b}}", "variables do not nest", 10],
  ["/v1/{a}b", 'unexpected "b"', 8],
  ["/v1/**/x", '"**" must be the last', 5],
  ["/v1/{a=**}/x", '"**" must be the last', 8],
  ["/v1/***", 'unexpected "*"', 7],
  ["/v1/{a}/{a}", "bound twice", 9],
  ["/v1:", "expected a verb", 5],
  ["/v1:a:b", 'unexpected ":"', 6],
  ["/v1:a/b", 'unexpected "/"', 6],
  ["/v1/a b", 'unexpected " "', 6],
  ["/v1/%zz", "expected a segment", 5],
  ["/v1/%ff", "not percent-encoded UTF-8", 5],
  ["/v1?x=1", 'unexpected "?"', 4],
];

describe("templates that break the grammar", () => {
  test.each(bad)("%s", (text, problem, column) => {
    const fault = faultOf(text);
    expect(fault.message).toContain(problem);
    expect(fault.column).toBe(column);
  });
});

function faultOf(text: string): TemplateError {
  try {
    parseTemplate(text);
  } catch (fault) {
    if (fault instanceof TemplateError) return fault;
    throw fault;
  }
  throw new Error(`"${text}" was taken`);
}

function describeTemplate({ segments, verb, variables }: Template) {
  return {
    segments: segments.map(describeSegment).join(" "),
    verb,
    variables: variables
      .map(({ field, start, end, multi }) => `${field} ${start}-${end ?? "end"}${multi ? " multi" : ""}`)
      .join(", "),
  };
}

function describeSegment(segment: Segment): string {
  if (segment.kind === "literal") return segment.text;
  return segment.kind === "one" ? "*" : "**";
}
