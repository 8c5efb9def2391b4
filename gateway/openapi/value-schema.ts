import { type DescEnum, type JsonObject, ScalarType } from "@bufbuild/protobuf";

/** JSON Schema (2020-12) of a value, as OpenAPI 3.1 uses it. */
export type Schema = JsonObject;

const whole = (format: string, minimum?: number): Schema => ({
  type: "integer",
  format,
  ...(minimum !== undefined && { minimum }),
});
// A JSON number would lose digits beyond 2^53.
const big = (format: string, pattern: string): Schema => ({ type: "string", format, pattern });
const real = (format: string): Schema => ({
  anyOf: [
    { type: "number", format },
    { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
  ],
});
const int32 = whole("int32");
const uint32 = whole("uint32", 0);
const int64 = big("int64", "^-?[0-9]+$");
const uint64 = big("uint64", "^[0-9]+$");

const scalars: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.DOUBLE]: real("double"),
  [ScalarType.FLOAT]: real("float"),
  [ScalarType.INT64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.INT32]: int32,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
  [ScalarType.UINT32]: uint32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.SINT32]: int32,
  [ScalarType.SINT64]: int64,
};

/** Schema of a scalar's ProtoJSON form: 64-bit integers are strings, bytes base64. */
export function scalarSchema(type: ScalarType): Schema {
  return scalars[type];
}

/** Schema of an enum's ProtoJSON form, its names; NullValue is null. */
export function enumSchema({ typeName, values }: DescEnum): Schema {
  if (typeName === "google.protobuf.NullValue") return { type: "null" };
  return { type: "string", enum: values.map(({ name }) => name) };
}

const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const nullableType = ({ type = "", ...rest }: Schema): Schema => ({ type: [type, "null"], ...rest });

const wellKnown: Readonly<Record<string, Schema>> = {
  "google.protobuf.Any": {
    type: "object",
    description: "A message of the type that @type names, such as type.googleapis.com/google.rpc.ErrorInfo.",
    required: ["@type"],
    properties: { "@type": { type: "string" } },
    additionalProperties: true,
  },
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": {
    type: "string",
    description: 'Seconds with an "s" behind, such as 1.5s.',
    pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$",
  },
  "google.protobuf.FieldMask": {
    type: "string",
    description: "Field paths with commas between, such as displayName,address.city.",
  },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.Value": { description: "Any JSON value." },
  "google.protobuf.ListValue": { type: "array", items: {} },
  "google.protobuf.Empty": { type: "object" },
  "google.protobuf.DoubleValue": nullable(scalars[ScalarType.DOUBLE]),
  "google.protobuf.FloatValue": nullable(scalars[ScalarType.FLOAT]),
  "google.protobuf.Int64Value": nullableType(int64),
  "google.protobuf.UInt64Value": nullableType(uint64),
  "google.protobuf.Int32Value": nullableType(int32),
  "google.protobuf.UInt32Value": nullableType(uint32),
  "google.protobuf.BoolValue": nullableType({ type: "boolean" }),
  "google.protobuf.StringValue": nullableType({ type: "string" }),
  "google.protobuf.BytesValue": nullableType(scalars[ScalarType.BYTES]),
};

/** Schema of a well-known type that has a ProtoJSON form of its own; undefined for every other message. */
export function wellKnownSchema(typeName: string): Schema | undefined {
  return wellKnown[typeName];
}
