import { fromBinary, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { createMessageRegistry } from "../../gateway/registry.ts";
import { compileBind, type HttpParts } from "../../gateway/rest/bind.ts";
import { compileEncode } from "../../gateway/rest/encode-request.ts";
import { defaultMappingRules } from "../../gateway/rest/mapping-rules.ts";
import { findRequestField } from "../../gateway/rest/request-field.ts";
import { inputOf, Rules } from "../../gateway/rest/rules.fixture.ts";
import { arbitraryMessage } from "./arbitrary-message.fixture.ts";
import { oddities, spoil } from "./spoilt-json.fixture.ts";

// The short way to an encoded request, beside the binder and protobuf-es: whatever path, query and body say, and however
// wrong it is, both have to make the same of it. DIFFERENTIAL_RUNS says how many requests; DIFFERENTIAL_SEED repeats them.
const numRuns = 20 * Number(process.env.DIFFERENTIAL_RUNS ?? 60);
const seed = Number(process.env.DIFFERENTIAL_SEED ?? Date.now() % 2 ** 31);

const registry = createMessageRegistry([Rules]);
const all = inputOf("whole");

/** What a route binds where: "METHOD variable,variable body". */
function compile(line: string) {
  const [method = "", paths = "", body = ""] = line.split(" ");
  const variables = paths.split(",").flatMap((path) => findRequestField(all, path) ?? []);
  const rule = { ...defaultMappingRules, method, variables, body, registry };
  const bind = compileBind(all, rule);
  let bodies = 0;
  const encode = compileEncode(all, rule, (parts) => {
    if (parts.body) bodies++;
    return bind(parts);
  });
  return { line, variables, body, bind, encode, bodiesBound: () => bodies };
}

const paths = ["-", "id", "shelf.name", "left", "box.display_name", "maybe", "i64,id"];
const fields = [
  "id",
  "maybe",
  "numbers",
  "labels",
  "shelf",
  "shelves",
  "time",
  "flag_value",
  "extra",
  "left",
  "box",
  "file",
];
const compileAll = (methods: readonly string[], paths: readonly string[], bodies: readonly string[]) =>
  methods.flatMap((method) =>
    paths.flatMap((path) =>
      bodies.flatMap((body) => (path.split(",").includes(body) ? [] : [compile(`${method} ${path} ${body}`)])),
    ),
  );
const route = fc.oneof(
  fc.constantFrom(...compileAll(["POST"], paths, ["*"])),
  // Where path and body have something to do with each other.
  fc.constantFrom(...compileAll(["POST"], ["shelf.name", "left", "box.display_name"], ["shelf", "left", "box"])),
  fc.constantFrom(...compileAll(["POST", "PATCH"], paths, fields)),
);

/** What comes of a request: the message, or what is said against it. */
function outcome(encode: () => Uint8Array): unknown {
  try {
    return Buffer.from(toBinary(all, fromBinary(all, encode()))).toString("base64");
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return [error.message, error.findDetails(BadRequestSchema).map((details) => toJson(BadRequestSchema, details))];
  }
}

const query = fc.subarray(
  [
    ...["note=n", "shelf.size=3", "left=l", "right=4", "box.size=1", "numbers=1&numbers=2", "id=a", "maybe=0"],
    ...["utm_source=x", "nobody=1", "b=maybe", "b=true&b=true", "%", "extra=1"],
  ],
  { maxLength: 2 },
);
const change = fc.option(fc.tuple(fc.nat(), fc.constantFrom(...oddities)), { freq: 1 });
/** Few fields, so that not all of a body is unusual. */
const json = fc
  .tuple(arbitraryMessage(all, { inAny: [all], depth: 3 }), fc.subarray([...fields, "i64", "right"], { maxLength: 4 }))
  .map(([message, kept]) => {
    const target = reflect(all, message);
    for (const field of all.fields) if (!kept.includes(field.name)) target.clear(field);
    return Object(toJson(all, message, { registry })) as Readonly<Record<string, JsonValue>>;
  });
const values = fc.array(fc.option(fc.constantFrom("", "0", "7", "a", "\u00e4")), { minLength: 2, maxLength: 2 });

test("every request comes to what the binder makes of it, or says of it", () => {
  fc.assert(
    fc.property(route, json, fc.record({ query, change, values }), ({ line, ...route }, made, chosen) => {
      const field = all.fields.find(({ name }) => name === route.body);
      const whole = JSON.stringify(field ? made[field.jsonName] : made) ?? "{}";
      const text = chosen.change ? spoil(whole, ...chosen.change) : whole;
      const asked = chosen.query.join("&");
      // Where none is chosen, the path says what the body says.
      const given = route.variables.map(({ path }, at) => chosen.values[at] ?? String(made[path] ?? ""));
      const parts: HttpParts = { values: given, query: asked, body: Buffer.from(text) };
      expect(
        outcome(() => route.encode(parts)),
        `${line} ${given} ${asked} ${text}`,
      ).toEqual(outcome(() => toBinary(all, route.bind(parts))));
    }),
    { seed, numRuns },
  );
});

const ways: [way: "the short way" | "the binder", route: string, query: string, body: string][] = [
  ["the short way", "POST - *", "", '{"id":"a"}'],
  ["the short way", "POST - *", "utm_source=x", '{"id":"a"}'],
  ["the short way", "POST id *", "", '{"shelf":{"name":"a"},"numbers":[1]}'],
  ["the short way", "POST shelf.name *", "", '{"id":"a"}'],
  ["the short way", "POST id shelf", "note=n&numbers=1", '{"name":"a"}'],
  ["the short way", "PUT - numbers", "", "[1,2]"],
  ["the short way", "POST - labels", "id=a", '{"a":"b"}'],
  ["the binder", "POST id *", "", '{"id":"x"}'],
  ["the binder", "POST shelf.name *", "", '{"shelf":{}}'],
  ["the binder", "PUT shelf.name shelf", "", '{"size":1}'],
  ["the binder", "PATCH - shelf", "", '{"size":1}'],
  ["the binder", "POST - box", "note=n", '{"name":"a"}'],
  ["the binder", "POST - *", "", '{"id":null}'],
];
test.each(ways)("%s takes %s ?%s %s", (way, line, asked, text) => {
  const { encode, bodiesBound } = compile(line);
  encode({ values: ["x"], query: asked, body: Buffer.from(text) });
  expect(bodiesBound()).toBe(way === "the binder" ? 1 : 0);
});
