import { toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { compileContract, messageOf } from "../run-time-contract.fixture.ts";
import { compileBind } from "./bind.ts";
import { defaultMappingRules } from "./mapping-rules.ts";
import { findRequestField } from "./request-field.ts";
import { parseTemplate } from "./route-template.ts";

const registry = compileContract(`
  syntax = "proto3";
  package test.v1;
  import "google/protobuf/duration.proto";
  import "google/protobuf/field_mask.proto";
  import "google/protobuf/struct.proto";
  import "google/protobuf/timestamp.proto";
  import "google/protobuf/wrappers.proto";
  enum Genre { GENRE_UNSPECIFIED = 0; GENRE_POETRY = 1; }
  message Shelf { string name = 1; int32 size = 2; Shelf parent = 3; string display_name = 4; repeated Shelf rows = 5; Genre genre = 6; }
  message All {
    string id = 1; int32 i32 = 2; int64 i64 = 3; uint32 u32 = 4; uint64 u64 = 5; float f = 6; double d = 7;
    bool b = 8; bytes raw = 9; Genre genre = 10; repeated int32 numbers = 11; repeated Genre genres = 12;
    Shelf shelf = 13; repeated Shelf shelves = 14; map<string, string> labels = 15;
    google.protobuf.Timestamp time = 16; google.protobuf.Duration span = 17; google.protobuf.FieldMask update_mask = 18;
    google.protobuf.BoolValue flag_value = 19; google.protobuf.StringValue str_value = 20; google.protobuf.Int64Value big_value = 21;
    optional int32 maybe = 22; oneof choice { string left = 23; int32 right = 24; Shelf box = 25; google.protobuf.Timestamp when = 26; }
    google.protobuf.Struct extra = 27; google.protobuf.Value anything = 28; repeated string page_tokens = 29; sint64 s64 = 30; fixed32 f32 = 31;
  }
`);
const all = messageOf(registry, "test.v1.All");

/** Binds a request by a rule written as "METHOD template body". */
function bindBy(rule: string, parts: { values?: string[]; query?: string; body?: string }): unknown {
  const [method = "", path = "", body = ""] = rule.split(" ");
  const variables = parseTemplate(path).variables.map(({ field }) => {
    const found = findRequestField(all, field);
    if (found === undefined) throw new Error(`no field ${field}`);
    return found;
  });
  const bind = compileBind(all, { ...defaultMappingRules, method, variables, body, registry });
  const bytes = parts.body === undefined ? undefined : Buffer.from(parts.body);
  return toJson(all, bind({ values: parts.values ?? [], query: parts.query ?? "", body: bytes }));
}

function refusalBy(rule: string, parts: { values?: string[]; query?: string; body?: string }): string {
  try {
    bindBy(rule, parts);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [violation] = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
    return `${violation?.field} ${violation?.description}`;
  }
  return "bound";
}

describe("query parameters", () => {
  const bound: [query: string, json: unknown][] = [
    ["", {}],
    ["id=x", { id: "x" }],
    ["id=a+b%2Bc%26d", { id: "a b+c&d" }],
    ["id=%E2%82%AC&&", { id: "€" }],
    ["id=a=b", { id: "a=b" }],
    ["i32=-5", { i32: -5 }],
    ["i32=2147483647", { i32: 2147483647 }],
    ["i64=9007199254740993", { i64: "9007199254740993" }],
    ["i64=-9223372036854775808", { i64: "-9223372036854775808" }],
    ["u64=18446744073709551615", { u64: "18446744073709551615" }],
    ["s64=-1&f32=7", { s64: "-1", f32: 7 }],
    ["f=1.5&d=-2e3", { f: 1.5, d: -2000 }],
    ["d=NaN", { d: "NaN" }],
    ["d=-Infinity", { d: "-Infinity" }],
    ["b=true", { b: true }],
    ["raw=aGk%2F", { raw: "aGk/" }],
    ["raw=aGk_", { raw: "aGk/" }],
    ["raw=aGk", { raw: "aGk=" }],
    ["genre=GENRE_POETRY", { genre: "GENRE_POETRY" }],
    ["genre=1", { genre: "GENRE_POETRY" }],
    ["genre=7", { genre: 7 }],
    ["numbers=1&numbers=2", { numbers: [1, 2] }],
    ["genres=GENRE_POETRY&genres=1", { genres: ["GENRE_POETRY", "GENRE_POETRY"] }],
    ["page_tokens=a&pageTokens=b", { pageTokens: ["a", "b"] }],
    ["shelf.name=x&shelf.size=2", { shelf: { name: "x", size: 2 } }],
    ["shelf.parent.displayName=p", { shelf: { parent: { displayName: "p" } } }],
    ["time=2026-01-31T12:00:00Z", { time: "2026-01-31T12:00:00Z" }],
    ["span=1.5s", { span: "1.500s" }],
    ["updateMask=shelf.displayName,id", { updateMask: "shelf.displayName,id" }],
    ["update_mask=shelf.display_name", { updateMask: "shelf.displayName" }],
    ["flag_value=false", { flagValue: false }],
    ["strValue=", { strValue: "" }],
    ["bigValue=9007199254740993", { bigValue: "9007199254740993" }],
    ["maybe=0", { maybe: 0 }],
    ["right=0", { right: 0 }],
    ["box.name=x&box.size=1", { box: { name: "x", size: 1 } }],
    ["when=2026-01-31T12:00:00Z", { when: "2026-01-31T12:00:00Z" }],
    ["utm_source=mail&id=x&gclid=1", { id: "x" }],
  ];
  test.each(bound)("%s", (query, json) => {
    expect(bindBy("GET /v1", { query })).toEqual(json);
  });

  const refused: [query: string, violation: string][] = [
    ["i32=", "i32 query: expected a whole number"],
    ["i32=1.0", "i32 query: expected a whole number"],
    ["i32=+1", "i32 query: expected"],
    ["i32=1e2", "i32 query: expected"],
    ["i32=010", "i32 query: expected"],
    ["i32=0x1", "i32 query: expected"],
    ["i32=2147483648", "i32 query: expected"],
    ["u32=-1", "u32 query: expected"],
    ["i64=9223372036854775808", "i64 query: expected"],
    ["u64=18446744073709551616", "u64 query: expected"],
    ["f=1e39", "f query: expected a number"],
    ["d=1e400", "d query: expected a number"],
    ["d=", "d query: expected a number"],
    ["b=1", "b query: expected true or false"],
    ["b=True", "b query: expected true or false"],
    ["b=", "b query: expected true or false"],
    ["raw=a", "raw query: expected base64"],
    ["raw=a*", "raw query: expected base64"],
    ["genre=POETRY", "genre query: expected a name or number of test.v1.Genre"],
    ["genre=genre_poetry", "genre query: expected"],
    ["id=a&id=b", "id query: is given more than once"],
    ["shelf.displayName=a&shelf.display_name=b", "shelf.display_name query: is given more than once"],
    ["shelf=x", "shelf query: has no form as one parameter"],
    ["shelves=x", "shelves query: has no form"],
    ["shelves.name=x", "shelves.name query: no such parameter"],
    ["labels=x", "labels query: has no form"],
    ["extra=%7B%7D", "extra query: has no form"],
    ["anything=1", "anything query: has no form"],
    ["time=yesterday", "time query: expected an RFC 3339 time"],
    ["time.seconds=1", "time.seconds query: no such parameter"],
    ["span=1", "span query: expected seconds"],
    ["span=1sfoo", "span query: expected seconds"],
    ["updateMask=a,,b", "update_mask query: updateMask: expected field paths"],
    ["flagValue=1", "flag_value query: flagValue: expected true or false"],
    ["left=a&right=1", "right query: excludes left"],
    ["right=1&box.name=x", "box.name query: excludes right"],
    ["genree=1", 'genree query: no such parameter; did you mean "genre"?'],
    ["page_token=x", 'page_token query: no such parameter; did you mean "pageTokens"?'],
    ["shelf.nme=x", 'shelf.nme query: no such parameter; did you mean "shelf.name"?'],
    ["zzzzzzzzzzzz=1", "zzzzzzzzzzzz query: no such parameter; known are id, i32"],
    ["=x", " query: no such parameter"],
    ["id=%zz", ' query: "%zz" is not valid'],
    ["id=%ff", ' query: "%ff" is not valid'],
  ];
  test.each(refused)("refuses %s", (query, violation) => {
    expect(refusalBy("GET /v1", { query })).toContain(violation);
  });

  test("more parameters than anyone needs are refused", () => {
    expect(refusalBy("GET /v1", { query: "numbers=1&".repeat(1_001) })).toContain("more than 1000 parameters");
  });

  test("any int64 survives", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(bindBy("GET /v1", { query: `i64=${value}` })).toEqual(value === 0n ? {} : { i64: String(value) });
      }),
    );
  });

  test("any text survives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (value) => {
        expect(bindBy("GET /v1", { query: `id=${encodeURIComponent(value)}` })).toEqual({ id: value });
      }),
    );
  });
});

describe("path variables", () => {
  const bound: [rule: string, values: string[], json: unknown][] = [
    ["GET /v1/{id}", ["a/b"], { id: "a/b" }],
    ["GET /v1/{shelf.parent.name}", ["x"], { shelf: { parent: { name: "x" } } }],
    ["GET /v1/{shelf.displayName}", ["x"], { shelf: { displayName: "x" } }],
    ["GET /v1/{i64}/{genre}", ["9007199254740993", "GENRE_POETRY"], { i64: "9007199254740993", genre: "GENRE_POETRY" }],
    ["GET /v1/{b}/{raw}", ["true", "aGk"], { b: true, raw: "aGk=" }],
    ["GET /v1/{right}", ["0"], { right: 0 }],
    ["GET /v1/{box.name}", ["x"], { box: { name: "x" } }],
  ];
  test.each(bound)("%s %j", (rule, values, json) => {
    expect(bindBy(rule, { values })).toEqual(json);
  });

  const refused: [rule: string, parts: { values: string[]; query?: string; body?: string }, violation: string][] = [
    [
      "GET /v1/{i32}",
      { values: ["x"] },
      'i32 path: expected a whole number from -2147483648 to 2147483647 (int32), got "x"',
    ],
    ["GET /v1/{id}", { values: ["7"], query: "id=8" }, "id query: is given by the path"],
    ["GET /v1/{shelf.name}", { values: ["7"], query: "shelf.name=8" }, "shelf.name query: is given by the path"],
    [
      "POST /v1/{id} *",
      { values: ["7"], body: '{"id":"8"}' },
      'id path: the path says "7", the rest of the request says otherwise',
    ],
    ["PATCH /v1/{shelf.name} shelf", { values: ["7"], body: '{"name":"8"}' }, "shelf.name path: the path says"],
    ["POST /v1/{right} *", { values: ["1"], body: '{"left":"x"}' }, "right path: excludes left"],
    ["GET /v1/{box.name}", { values: ["x"], query: "left=y" }, "box.name path: excludes left"],
  ];
  test.each(refused)("refuses %s %j", (rule, parts, violation) => {
    expect(refusalBy(rule, parts)).toContain(violation);
  });

  test("a body may repeat what the path says", () => {
    expect(bindBy("POST /v1/{id} *", { values: ["7"], body: '{"id":"7","i32":1}' })).toEqual({ id: "7", i32: 1 });
  });
});

describe("bodies", () => {
  const bound: [rule: string, parts: { query?: string; body?: string }, json: unknown][] = [
    ["POST /v1 *", {}, {}],
    ["POST /v1 *", { body: "" }, {}],
    ["POST /v1 *", { body: " \n" }, {}],
    [
      "POST /v1 *",
      { body: '{"page_tokens":["a"],"bigValue":"5","i64":"9007199254740993"}' },
      { pageTokens: ["a"], bigValue: "5", i64: "9007199254740993" },
    ],
    ["POST /v1 *", { body: '{"unknown":{"x":1},"id":null,"genre":1}' }, { genre: "GENRE_POETRY" }],
    [
      "POST /v1 *",
      { body: '{"x":1,"shelf":{"y":2,"size":3},"shelves":[{"z":[]},{"name":"n"}],"genre":"GENRE_POETRY"}' },
      { shelf: { size: 3 }, shelves: [{}, { name: "n" }], genre: "GENRE_POETRY" },
    ],
    ["POST /v1 shelf", { body: '{"name":"x"}', query: "id=7" }, { id: "7", shelf: { name: "x" } }],
    ["POST /v1 shelf", { body: "{}" }, { shelf: {} }],
    ["POST /v1 shelf", { body: "null" }, {}],
    ["POST /v1 shelf", {}, {}],
    ["POST /v1 shelves", { body: '[{"name":"a"},{"name":"b"}]' }, { shelves: [{ name: "a" }, { name: "b" }] }],
    ["POST /v1 numbers", { body: "[1,2]" }, { numbers: [1, 2] }],
    ["POST /v1 labels", { body: '{"a":"b"}' }, { labels: { a: "b" } }],
    ["POST /v1 id", { body: '"x"' }, { id: "x" }],
    ["POST /v1 i64", { body: '"9007199254740993"' }, { i64: "9007199254740993" }],
    ["POST /v1 genre", { body: '"GENRE_POETRY"' }, { genre: "GENRE_POETRY" }],
    ["POST /v1 time", { body: '"2026-01-31T12:00:00Z"' }, { time: "2026-01-31T12:00:00Z" }],
    ["POST /v1 extra", { body: '{"a":[1,null]}' }, { extra: { a: [1, null] } }],
    ["POST /v1 anything", { body: "null" }, { anything: null }],
  ];
  test.each(bound)("%s %j", (rule, parts, json) => {
    expect(bindBy(rule, parts)).toEqual(json);
  });

  const refused: [rule: string, parts: { query?: string; body: string }, violation: string][] = [
    ["POST /v1 *", { body: "{" }, " body: the body is not JSON"],
    ["POST /v1 *", { body: '{"id":"a"} x' }, " body: the body is not JSON"],
    ["POST /v1 *", { body: '"x"' }, " body: "],
    ["POST /v1 *", { body: "[]" }, " body: "],
    ["POST /v1 *", { body: '{"id":1}' }, "id body: expected string"],
    ["POST /v1 *", { body: '{"i32":"x"}' }, "i32 body: expected number (int32)"],
    ["POST /v1 *", { body: '{"i32":1.5}' }, "i32 body: "],
    ["POST /v1 *", { body: '{"numbers":[1,"x"]}' }, "numbers[1] body: "],
    ["POST /v1 *", { body: '{"numbers":[null]}' }, "numbers[0] body: "],
    [
      "POST /v1 *",
      { body: '{"shelf":{"parent":{"displayName":5}}}' },
      "shelf.parent.display_name body: shelf.parent.displayName: expected string",
    ],
    ["POST /v1 *", { body: '{"shelves":[{"name":"a"},{"rows":[{"size":true}]}]}' }, "shelves[1].rows[0].size body: "],
    ["POST /v1 *", { body: '{"genre":"POETRY"}' }, "genre body: "],
    ["POST /v1 *", { body: '{"x":1,"shelves":[{"genre":"POETRY","y":2}]}' }, "shelves[0].genre body: "],
    ["POST /v1 *", { body: '{"x":1,"id":"a","id":"b"}' }, ' body: duplicate object key "id"'],
    ["POST /v1 *", { body: '{"time":"now"}' }, "time body: expected an RFC 3339 time"],
    ["POST /v1 *", { body: '{"id":"a","id":"b"}' }, ' body: duplicate object key "id"'],
    ["POST /v1 *", { body: '{"left":"a","right":1}' }, " body: "],
    ["POST /v1 *", { body: "{}", query: "id=1" }, "id query: this route takes everything from path and body"],
    ["POST /v1 shelf", { body: '{"size":"x"}' }, "shelf.size body: "],
    ["POST /v1 shelf", { body: "[]" }, "shelf body: "],
    ["POST /v1 shelf", { body: "{}", query: "shelf.name=x" }, 'shelf.name query: "shelf" is the body'],
    ["POST /v1 id", { body: '"x","i32":5' }, " body: the body is not JSON"],
    ["POST /v1 numbers", { body: "[1,true]" }, "numbers[1] body: "],
  ];
  test.each(refused)("refuses %s %j", (rule, parts, violation) => {
    expect(refusalBy(rule, parts)).toContain(violation);
  });

  test("a body that is not UTF-8 is refused", () => {
    const bind = compileBind(all, { ...defaultMappingRules, method: "POST", variables: [], body: "*", registry });
    expect(() => bind({ values: [], query: "", body: Buffer.from([0x22, 0xff, 0x22]) })).toThrow("not UTF-8");
  });

  test("a large body that does not fit is refused with its top-level field", () => {
    const body = JSON.stringify({ shelves: [{ name: "x".repeat(100_000) }, { size: "x" }] });
    expect(refusalBy("POST /v1 *", { body })).toMatch(/^shelves\[1\]/);
  });
});

describe("the mask of a PATCH", () => {
  const cases: [body: string, query: string, mask: string | undefined][] = [
    ['{"name":"x","size":1}', "", "name,size"],
    ['{"size":1,"displayName":"d"}', "", "displayName,size"],
    ['{"size":null}', "", "size"],
    ['{"parent":{"size":1,"name":"p"}}', "", "parent.name,parent.size"],
    ['{"parent":{}}', "", "parent"],
    ['{"rows":[{"name":"x"}]}', "", "rows"],
    ['{"unknown":1,"size":2}', "", "size"],
    ["{}", "", ""],
    ['{"size":1}', "updateMask=displayName", "displayName"],
    ['{"size":1}', "update_mask=display_name,size", "displayName,size"],
    ['{"size":1}', "updateMask=*", "*"],
  ];
  test.each(cases)("%s ?%s", (body, query, updateMask) => {
    const json = bindBy("PATCH /v1/{id} shelf", { values: ["7"], body, query });
    expect(json).toMatchObject({ id: "7", updateMask });
  });

  test("what the path binds is not in it", () => {
    const json = bindBy("PATCH /v1/{shelf.name} shelf", { values: ["7"], body: '{"name":"7","size":1}' });
    expect(json).toEqual({ shelf: { name: "7", size: 1 }, updateMask: "size" });
  });

  test("only a PATCH fills it", () => {
    expect(bindBy("PUT /v1/{id} shelf", { values: ["7"], body: '{"size":1}' })).toEqual({
      id: "7",
      shelf: { size: 1 },
    });
  });
});
