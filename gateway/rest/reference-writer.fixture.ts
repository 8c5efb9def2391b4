import fc from "fast-check";

/**
 * A value of a field in the forms that the outside world has for it, written from the descriptions of ProtoJSON and of
 * google.api.http alone: nothing here is shared with the binder.
 */
export interface FieldValue {
  /** Members of the request in ProtoJSON. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Query parameters, undecoded, in order. Undefined where the query has no form for it. */
  readonly parameters: readonly (readonly [name: string, text: string])[] | undefined;
}

const text = fc.string({ unit: "grapheme", maxLength: 12 });

/** A field of one value, by name in the proto and in JSON; either may be used in a query. */
function single<T>(
  [proto, json]: readonly [proto: string, json: string],
  values: fc.Arbitrary<T>,
  forms: { readonly text: (value: T) => string; readonly json?: (value: T) => unknown },
): fc.Arbitrary<FieldValue> {
  return fc.tuple(values, fc.constantFrom(proto, json)).map(([value, name]) => ({
    json: nest(json, forms.json ? forms.json(value) : value),
    parameters: [[name, forms.text(value)]],
  }));
}

/** `nest("a.b", 1)` is {a: {b: 1}}. */
function nest(path: string, value: unknown): Record<string, unknown> {
  const [first = "", ...rest] = path.split(".");
  return { [first]: rest.length === 0 ? value : nest(rest.join("."), value) };
}

function same(name: string): readonly [string, string] {
  return [name, name];
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = fc.uint8Array({ maxLength: 9 });
const genre = fc.constantFrom(["GENRE_POETRY", 1] as const, ["GENRE_PROSE", 2] as const);
const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
const nanos = fc.constantFrom("", ".5", ".123", ".123456", ".123456789");

/** Fields of test.rules.v1.All that a path can hold too: one text, never empty. */
export const pathFields: Readonly<Record<string, fc.Arbitrary<FieldValue>>> = {
  id: single(
    same("id"),
    text.filter((value) => value !== ""),
    { text: String },
  ),
  i32: single(same("i32"), int32, { text: String }),
  i64: single(same("i64"), int64, { text: String, json: String }),
  u32: single(same("u32"), uint32, { text: String }),
  u64: single(same("u64"), uint64, { text: String, json: String }),
  s64: single(same("s64"), int64, { text: String, json: String }),
  f32: single(same("f32"), uint32, { text: String }),
  b: single(same("b"), fc.boolean(), { text: String }),
  d: single(same("d"), fc.double().filter(hasOneZero), { text: String, json: realJson }),
  raw: single(
    same("raw"),
    bytes.filter(({ length }) => length > 0),
    { text: urlBase64, json: base64 },
  ),
  genre: single(same("genre"), genre, { text: ([name]) => name, json: ([name]) => name }),
  maybe: single(same("maybe"), int32, { text: String }),
};

/** The others that have a form in a query. Members of the oneof are one entry: only one of them may be set. */
export const queryFields: Readonly<Record<string, fc.Arbitrary<FieldValue>>> = {
  f: single(same("f"), fc.float().filter(hasOneZero), { text: String, json: realJson }),
  note: single(same("note"), text, { text: String }),
  numbers: fc.array(int32, { maxLength: 4 }).map((values) => ({
    json: { numbers: values },
    parameters: values.map((value) => ["numbers", String(value)] as const),
  })),
  pageTokens: fc
    .array(fc.tuple(text, fc.constantFrom("page_tokens", "pageTokens")), { maxLength: 3 })
    .map((values) => ({
      json: { pageTokens: values.map(([value]) => value) },
      parameters: values.map(([value, name]) => [name, value] as const),
    })),
  genres: fc.array(genre, { maxLength: 3 }).map((values) => ({
    json: { genres: values.map(([name]) => name) },
    parameters: values.map(([, number]) => ["genres", String(number)] as const),
  })),
  shelfSize: single(["shelf.size", "shelf.size"], int32, { text: String }),
  shelfName: single(["shelf.parent.display_name", "shelf.parent.displayName"], text, { text: String }),
  time: single(same("time"), fc.tuple(seconds, nanos), { text: timestamp, json: timestamp }),
  span: single(same("span"), fc.tuple(fc.integer({ min: -315_576_000, max: 315_576_000 }), nanos), {
    text: ([whole, part]) => `${whole}${part}s`,
    json: ([whole, part]) => `${whole}${part}s`,
  }),
  mask: single(["update_mask", "updateMask"], fc.constantFrom("shelf.displayName", "id,pageTokens", "*"), {
    text: String,
  }),
  flag: single(["flag_value", "flagValue"], fc.boolean(), { text: String }),
  str: single(["str_value", "strValue"], text, { text: String }),
  big: single(["big_value", "bigValue"], int64, { text: String, json: String }),
  small: single(["small_value", "smallValue"], uint32, { text: String }),
  choice: fc.oneof(
    single(same("left"), text, { text: String }),
    single(same("right"), int32, { text: String }),
    single(["box.name", "box.name"], text, { text: String }),
    single(same("when"), fc.tuple(seconds, nanos), { text: timestamp, json: timestamp }),
  ),
};

/** Fields that only a body can hold. */
export const bodyFields: Readonly<Record<string, fc.Arbitrary<FieldValue>>> = {
  labels: fc.dictionary(text, text, { maxKeys: 3 }).map((labels) => ({ json: { labels }, parameters: undefined })),
  shelves: fc
    .array(fc.record({ name: text, size: int32 }), { maxLength: 3 })
    .map((shelves) => ({ json: { shelves }, parameters: undefined })),
  anything: fc.jsonValue({ maxDepth: 3 }).map((anything) => ({ json: { anything }, parameters: undefined })),
};

/** JSON.stringify takes the sign from -0. */
function hasOneZero(value: number): boolean {
  return !Object.is(value, -0);
}

function realJson(value: number): unknown {
  return Number.isFinite(value) ? value : String(value);
}

function base64(value: Uint8Array): string {
  return Buffer.from(value).toString("base64");
}

function urlBase64(value: Uint8Array): string {
  return Buffer.from(value).toString("base64url");
}

function timestamp([whole, part]: readonly [number, string]): string {
  return new Date(whole * 1_000).toISOString().replace(/\.000Z$/, `${part}Z`);
}

/** Writes a query string. */
export function writeQuery(parameters: readonly (readonly [name: string, text: string])[]): string {
  return parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
}

/** Joins ProtoJSON objects, member by member and as deep as they go. */
export function joinJson(objects: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const joined: Record<string, unknown> = {};
  for (const object of objects) {
    for (const [key, value] of Object.entries(object)) {
      const known = joined[key];
      joined[key] = isObject(known) && isObject(value) ? joinJson([known, value]) : value;
    }
  }
  return joined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
