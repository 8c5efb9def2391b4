import {
  create,
  type DescField,
  type DescMessage,
  type DescOneof,
  fromJson,
  type JsonObject,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { anyPack, ValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";

/** How messages are made up. */
export interface MessageOptions {
  /** Messages that an Any may hold. */
  readonly inAny: readonly DescMessage[];
  /** How deep messages lie in one another. */
  readonly depth: number;
}

type Fill = (target: ReflectMessage) => void;

/**
 * Messages of a type, with every kind of field. Left out is what one of the formats cannot say: half surrogate pairs,
 * characters of NUL (services refuse them), minus zero (JSON.stringify drops the sign), field mask paths that do not
 * survive camelCase.
 */
export function arbitraryMessage(desc: DescMessage, options: MessageOptions): fc.Arbitrary<Message> {
  const known = wellKnown(desc, options);
  if (known) return known;
  const parts = desc.members.map((member) => fc.option(fillMember(member, options), { nil: undefined }));
  return fc.tuple(...parts).map((fills) => {
    const message = create(desc);
    const target = reflect(desc, message);
    for (const fill of fills) fill?.(target);
    return message;
  });
}

function fillMember(member: DescField | DescOneof, options: MessageOptions): fc.Arbitrary<Fill> {
  if (member.kind === "oneof") return fc.oneof(...member.fields.map((field) => fillField(field, options)));
  return fillField(member, options);
}

const nothing = fc.constant<Fill>(() => undefined);

function fillField(field: DescField, options: MessageOptions): fc.Arbitrary<Fill> {
  const below = { ...options, depth: options.depth - 1 };
  if (field.message && options.depth <= 0) return nothing;
  switch (field.fieldKind) {
    case "list":
      return fc.array(elementOf(field, below), { maxLength: 3 }).map(
        (items): Fill =>
          (target) =>
            items.forEach((item) => void target.get(field).add(item)),
      );
    case "map": {
      const entries = fc.array(fc.tuple(scalar(field.mapKey), elementOf(field, below)), { maxLength: 3 });
      return entries.map(
        (pairs): Fill =>
          (target) => {
            for (const [key, value] of pairs) target.get(field).set(key as never, value);
          },
      );
    }
    default:
      return elementOf(field, below).map(
        (value): Fill =>
          (target) =>
            target.set(field, value as never),
      );
  }
}

function elementOf(field: DescField, options: MessageOptions): fc.Arbitrary<unknown> {
  const { message } = field;
  if (message) return arbitraryMessage(message, options).map((value) => reflect(message, value));
  // A number without a name is a valid value of an open enum.
  if (field.enum)
    return fc.constantFrom(...field.enum.values.map(({ number }) => number), ...(field.enum.open ? [77] : []));
  return field.scalar === undefined ? fc.constant(undefined) : scalar(field.scalar);
}

const [maxInt32, maxInt64] = [2 ** 31 - 1, 2n ** 63n - 1n];
const int32 = fc.integer({ min: -maxInt32 - 1, max: maxInt32 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const int64 = fc.oneof(fc.bigInt(-maxInt64 - 1n, maxInt64), fc.constantFrom(maxInt64, -maxInt64 - 1n, 2n ** 53n + 1n));
const uint64 = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(2n ** 64n - 1n, 2n ** 63n));
const withoutSign = (number: number) => (number === 0 ? 0 : number);
const strings = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !text.includes("\0")),
  fc.constantFrom("%2F", "a/b", "a:b", "..", "+ &=?#", '"\\', "\u2028", "\u{1f9f5}", "null", "__proto__x", "\u0001"),
);
const scalars: Readonly<Record<ScalarType, fc.Arbitrary<unknown>>> = {
  [ScalarType.DOUBLE]: fc.double().map(withoutSign),
  [ScalarType.FLOAT]: fc.float().map(withoutSign),
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.BOOL]: fc.boolean(),
  [ScalarType.STRING]: strings,
  [ScalarType.BYTES]: fc.uint8Array({ maxLength: 9 }),
};

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  return scalars[type];
}

function wellKnown(desc: DescMessage, options: MessageOptions): fc.Arbitrary<Message> | undefined {
  const json = (arbitrary: fc.Arbitrary<unknown>) => arbitrary.map((value) => fromJson(desc, value as JsonObject));
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      // From 0001-01-01 to the end of 9999.
      return span(desc, -62_135_596_800n, 253_402_300_799n);
    case "google.protobuf.Duration":
      return span(desc, 0n, 315_576_000_000n, true);
    case "google.protobuf.FieldMask":
      return fc
        .array(fc.constantFrom("a", "a_string", "lists.int32s", "x1", "deep.down.in_there"), { maxLength: 3 })
        .map((paths) => create(desc, { paths } as never));
    case "google.protobuf.Struct":
      return json(fc.dictionary(keys, jsonValue, { maxKeys: 3 }));
    case "google.protobuf.ListValue":
      return json(fc.array(jsonValue, { maxLength: 3 }));
    case "google.protobuf.Value":
      return jsonValue.map((value) => fromJson(ValueSchema, value as JsonObject));
    case "google.protobuf.Any":
      return options.depth <= 0
        ? fc.constant(create(desc))
        : fc.constantFrom(...options.inAny).chain((held) => packed(held, options));
    default:
      return undefined;
  }
}

function packed(held: DescMessage, options: MessageOptions): fc.Arbitrary<Message> {
  return arbitraryMessage(held, { ...options, depth: options.depth - 1 }).map((message) => anyPack(held, message));
}

const keys = strings.filter((text) => text !== "__proto__");
const leaf = fc.oneof(fc.constant(null), fc.boolean(), strings, fc.double({ noNaN: true, noDefaultInfinity: true }));
const jsonValue = fc.oneof(
  leaf.map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.array(strings, { maxLength: 2 }),
  fc.dictionary(keys, strings, { maxKeys: 2 }),
);

function span(desc: DescMessage, min: bigint, max: bigint, signed = false): fc.Arbitrary<Message> {
  const nanos = fc.oneof(fc.constantFrom(0, 1, 1_000, 500_000_000, 999_999_999), fc.nat(999_999_999));
  return fc.tuple(fc.bigInt(min, max), nanos, fc.boolean()).map(([seconds, part, negative]) => {
    const sign = signed && negative ? -1 : 1;
    const rest = seconds === max ? 0 : part;
    return create(desc, { seconds: seconds * BigInt(sign), nanos: rest * sign || 0 } as never);
  });
}
