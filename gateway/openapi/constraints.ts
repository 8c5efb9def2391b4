import type { DescEnum, DescField, JsonValue } from "@bufbuild/protobuf";
import { celNotes, list, members, type Rules } from "./rules.ts";
import { stringKeywords } from "./string-constraints.ts";
import type { Schema } from "./value-schema.ts";

/** A schema, and what it cannot say, in sentences. */
export interface Constrained {
  readonly schema: Schema;
  readonly notes: readonly string[];
}

/** Narrows the schema of a field's value by its rules. What JSON Schema has no word for becomes a sentence. */
export function constrain(schema: Schema, rules: Rules, field: DescField): Constrained {
  if (rules.ignore === "IGNORE_ALWAYS") return { schema, notes: [] };
  const [kind = "", value] = Object.entries(rules).find(([name]) => name in byKind) ?? [];
  const narrowed = byKind[kind]?.(schema, members(value), field) ?? { schema, notes: [] };
  const whole = rules.ignore === "IGNORE_IF_ZERO_VALUE" ? orZero(narrowed.schema, schema, field) : narrowed.schema;
  return { schema: whole, notes: [...narrowed.notes, ...celNotes(rules)] };
}

type Narrow = (schema: Schema, rules: Rules, field: DescField) => Constrained;

function plain(keywords: (rules: Rules) => Schema): Narrow {
  return (schema, rules) => ({ schema: withNull({ ...schema, ...keywords(rules), ...examples(rules) }), notes: [] });
}

const withNotes: Narrow = (schema, rules) => ({ schema: { ...schema, ...examples(rules) }, notes: notesOf(rules) });

const real: Narrow = (schema, rules, field) =>
  plain(numberKeywords)(rules.finite === true ? { type: "number" } : schema, rules, field);

const byKind: Readonly<Record<string, Narrow>> = {
  float: real,
  double: real,
  ...Object.fromEntries(
    ["int32", "uint32", "sint32", "fixed32", "sfixed32"].map((kind) => [kind, plain(numberKeywords)]),
  ),
  // As strings they have no bounds in JSON Schema.
  ...Object.fromEntries(["int64", "uint64", "sint64", "fixed64", "sfixed64"].map((kind) => [kind, withNotes])),
  bool: plain(choice),
  string: (schema, rules) => {
    const { keywords, notes } = stringKeywords(rules);
    return { schema: withNull({ ...schema, ...keywords, ...choice(rules), ...examples(rules) }), notes };
  },
  bytes: withNotes,
  enum: (schema, rules, field) => ({ schema: enumChoice(schema, rules, field), notes: [] }),
  repeated: (schema, rules, field) => {
    const items = constrain(members(schema.items), members(rules.items), field);
    return {
      schema: {
        ...schema,
        items: items.schema,
        ...count("minItems", rules.minItems),
        ...count("maxItems", rules.maxItems),
        ...(rules.unique === true && { uniqueItems: true }),
      },
      notes: items.notes.map((note) => `Each: ${note}`),
    };
  },
  map: (schema, rules, field) => {
    const values = constrain(members(schema.additionalProperties), members(rules.values), field);
    const keys = constrain({}, members(rules.keys), field);
    return {
      schema: {
        ...schema,
        additionalProperties: values.schema,
        ...(rules.keys !== undefined && { propertyNames: keys.schema }),
        ...count("minProperties", rules.minPairs),
        ...count("maxProperties", rules.maxPairs),
      },
      notes: [...keys.notes.map((note) => `Each key: ${note}`), ...values.notes.map((note) => `Each value: ${note}`)],
    };
  },
  any: withNotes,
  duration: withNotes,
  fieldMask: withNotes,
  timestamp: withNotes,
};

/** A keyword that counts, from a 64-bit number. */
export function count(keyword: string, value: JsonValue | undefined): Schema {
  return value === undefined ? {} : { [keyword]: Number(value) };
}

function numberKeywords(rules: Rules): Schema {
  const { lt, lte, gt, gte } = rules;
  const upper: Schema = {
    ...(lt !== undefined && { exclusiveMaximum: lt }),
    ...(lte !== undefined && { maximum: lte }),
  };
  const lower: Schema = {
    ...(gt !== undefined && { exclusiveMinimum: gt }),
    ...(gte !== undefined && { minimum: gte }),
  };
  // A lower bound above the upper one means: outside of the two.
  const outside = Number(gt ?? gte) >= Number(lt ?? lte);
  return { ...(outside ? { anyOf: [upper, lower] } : { ...lower, ...upper }), ...choice(rules) };
}

function choice(rules: Rules): Schema {
  return {
    ...(rules.const !== undefined && { const: rules.const }),
    ...(rules.in !== undefined && { enum: list(rules.in) }),
    ...(rules.notIn !== undefined && { not: { enum: list(rules.notIn) } }),
  };
}

function enumChoice(schema: Schema, rules: Rules, field: DescField): Schema {
  const names = namesOf(field.enum, list(schema.enum));
  const allowed = rules.const === undefined ? list(rules.in ?? null).map(Number) : [Number(rules.const)];
  const refused = list(rules.notIn).map(Number);
  const left = names.filter(([number]) => allowed.length === 0 || allowed.includes(number));
  return { ...schema, enum: left.filter(([number]) => !refused.includes(number)).map(([, name]) => name) };
}

function namesOf(type: DescEnum | undefined, known: readonly JsonValue[]): (readonly [number, string])[] {
  const values = type?.values ?? [];
  return values.filter(({ name }) => known.includes(name)).map(({ number, name }) => [number, name] as const);
}

function examples(rules: Rules): Schema {
  const given = list(rules.example);
  return given.length === 0 ? {} : { examples: given };
}

/** A list of values leaves out null where the type has it, as those of the wrappers do. */
function withNull(schema: Schema): Schema {
  if (!list(schema.type).includes("null")) return schema;
  const { const: only, ...rest } = schema;
  if (only !== undefined) return { ...rest, enum: [only, null] };
  return schema.enum === undefined ? schema : { ...schema, enum: [...list(schema.enum), null] };
}

/** Rules that do not count for the zero value. */
function orZero(narrowed: Schema, schema: Schema, field: DescField): Schema {
  if (field.fieldKind === "message" || narrowed === schema) return narrowed;
  return { anyOf: [zeroOf(schema, field), narrowed] };
}

function zeroOf(schema: Schema, field: DescField): Schema {
  if (schema.type === "array") return { type: "array", maxItems: 0 };
  if (schema.type === "object") return { type: "object", maxProperties: 0 };
  if (schema.type === "boolean") return { const: false };
  if (schema.type === "string") return { const: field.enum?.values[0]?.name ?? (schema.format ? "0" : "") };
  return { const: 0 };
}

const words: Readonly<Record<string, string>> = {
  const: "exactly",
  lt: "less than",
  lte: "at most",
  gt: "greater than",
  gte: "at least",
  in: "one of",
  notIn: "none of",
  len: "of length",
  minLen: "of length at least",
  maxLen: "of length at most",
  pattern: "matching",
  prefix: "beginning with",
  suffix: "ending with",
  contains: "containing",
  ltNow: "in the past",
  gtNow: "in the future",
  within: "from now at most",
};

/** Rules in words, for what JSON Schema cannot check. */
function notesOf(rules: Rules): string[] {
  const parts = Object.entries(rules).flatMap(([name, value]) => {
    const word = words[name];
    if (word === undefined) return [];
    return [value === true ? word : `${word} ${Array.isArray(value) ? value.join(", ") : String(value)}`];
  });
  return parts.length === 0 ? [] : [`Must be ${parts.join(" and ")}.`];
}
