import { fromJson, type JsonValue, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createMessageRegistry } from "../registry.ts";
import { compileBind } from "./bind.ts";
import { defaultMappingRules } from "./mapping-rules.ts";
import { createRouteTree } from "./match.ts";
import {
  bodyFields,
  type FieldValue,
  joinJson,
  pathFields,
  queryFields,
  writeQuery,
} from "./reference-writer.fixture.ts";
import { findRequestField } from "./request-field.ts";
import { parseTemplate } from "./route-template.ts";
import { inputOf, Rules } from "./rules.fixture.ts";

// A request is made of values, written by hand to path, query and body, bound, and must be the message that the same
// values are in ProtoJSON: read by the library, not by the binder.

const registry = createMessageRegistry([Rules]);
const all = inputOf("query");

/** How a request is written. */
interface Written {
  readonly path: Readonly<Record<string, FieldValue>>;
  readonly query: readonly FieldValue[];
  /** Undefined for a route without a body. */
  readonly body: readonly FieldValue[] | undefined;
}

function bindWritten({ path, query, body }: Written): Message {
  const fields = Object.keys(path);
  const template = parseTemplate(["/v1", ...fields.map((field) => `{${field}}`)].join("/"));
  const variables = fields.map((field) => findRequestField(all, field)).filter((found) => found !== undefined);
  const rule = body === undefined ? "" : "*";
  const bind = compileBind(all, { ...defaultMappingRules, method: "POST", variables, body: rule, registry });
  const tree = createRouteTree<typeof bind>();
  tree.add("POST", template, bind);
  const segments = Object.values(path).map(({ parameters }) => encodeURIComponent(parameters?.[0]?.[1] ?? ""));
  const match = tree.match("POST", ["/v1", ...segments].join("/"));
  if (!match.found) throw new Error("the path does not match its own template");
  const json = body && JSON.stringify(joinJson(body.map((value) => value.json)));
  return match.route({
    values: match.values,
    query: writeQuery(query.flatMap(({ parameters }) => parameters ?? [])),
    body: json === undefined ? undefined : Buffer.from(json),
  });
}

function expected({ path, query, body = [] }: Written): Message {
  const json = joinJson([...Object.values(path), ...query, ...body].map((value) => value.json));
  return fromJson(all, JSON.parse(JSON.stringify(json)) as JsonValue, { registry });
}

function check(written: Written): void {
  // As bytes, since NaN equals nothing.
  expect(Buffer.from(toBinary(all, bindWritten(written)))).toEqual(Buffer.from(toBinary(all, expected(written))));
}

/** Each field is there or not. */
function some(fields: Readonly<Record<string, fc.Arbitrary<FieldValue>>>) {
  return fc.record(fields, { requiredKeys: [] });
}

/** Parts the fields that a path may hold between the path and another place. */
const parted = fc.tuple(some(pathFields), fc.func(fc.boolean())).map(([values, inPath]) => {
  const entries = Object.entries(values).flatMap(([name, value]) => (value ? [[name, value] as const] : []));
  const { true: path = [], false: rest = [] } = Object.groupBy(entries, ([name]) => `${inPath(name)}` as const);
  return { path: Object.fromEntries(path), rest: rest.map(([, value]) => value) };
});

function valuesOf(fields: Readonly<Record<string, FieldValue | undefined>>): FieldValue[] {
  return Object.values(fields).filter((value) => value !== undefined);
}

test("path and query bind to what the same values are in JSON", () => {
  fc.assert(
    fc.property(parted, some(queryFields), ({ path, rest }, query) => {
      check({ path, query: [...rest, ...valuesOf(query)], body: undefined });
    }),
    { numRuns: 1_000 },
  );
});

test("path and body bind to what the same values are in JSON", () => {
  fc.assert(
    fc.property(parted, some(queryFields), some(bodyFields), ({ path, rest }, inQuery, inBody) => {
      check({ path, query: [], body: [...rest, ...valuesOf(inQuery), ...valuesOf(inBody)] });
    }),
    { numRuns: 1_000 },
  );
});
