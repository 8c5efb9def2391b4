/** A JSON Schema as a reader of the document finds it. */
export interface ExampleSchema {
  readonly [keyword: string]: unknown;
}

type Json = Record<string, unknown>;

/** Follows a reference within a document. */
export function resolve(document: object, schema: ExampleSchema): ExampleSchema {
  const { $ref, ...beside } = schema;
  if (typeof $ref !== "string") return schema;
  const found = $ref
    .slice(2)
    .split("/")
    .reduce<unknown>((value, step) => (value as Json)[step], document);
  return { ...resolve(document, found as ExampleSchema), ...beside };
}

/**
 * Makes a value that a schema of the document takes, with every field in it: its first example where it has some, else
 * what its format, bounds and choices allow.
 */
export function exampleOf(document: object, schema: ExampleSchema, inside: readonly string[] = []): unknown {
  const known = resolve(document, schema);
  const seen = typeof schema.$ref === "string" ? [...inside, schema.$ref] : inside;
  if (Array.isArray(known.examples)) return known.examples[0];
  if ("const" in known) return known.const;
  if (Array.isArray(known.enum)) return known.enum.at(-1);
  if (Array.isArray(known.anyOf))
    return exampleOf(document, { ...known, anyOf: undefined, ...known.anyOf.at(-1) }, seen);
  if (known.type === "array") return [exampleOf(document, known.items as ExampleSchema, seen)];
  return known.type === "object" ? objectOf(document, known, seen) : scalarOf(known);
}

function objectOf(document: object, { properties = {} }: ExampleSchema, seen: readonly string[]): Json {
  const fields = Object.entries(properties as Record<string, ExampleSchema>);
  // A message that holds itself ends at the second time.
  const finite = fields.filter(([, field]) => !seen.includes(String(field.$ref)));
  return Object.fromEntries(finite.map(([name, field]) => [name, exampleOf(document, field, seen)]));
}

const texts: Readonly<Record<string, string>> = {
  uuid: "01980000-0000-7000-8000-000000000001",
  email: "ada@example.com",
  "date-time": "2026-01-31T12:00:00Z",
  int64: "1",
  uint64: "1",
};

function scalarOf({ type, format = "", minimum, minLength }: ExampleSchema): unknown {
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return Math.max(1, Number(minimum ?? 1));
  return texts[String(format)] ?? "text".padEnd(Number(minLength ?? 0), "t");
}
