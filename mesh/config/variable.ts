import { z } from "zod";

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Builders for the variables of `readEnvironment`. Without a default a variable is required.
 * Add `.describe("…")` to say what it is for: faults repeat it.
 */
export const variable = { text, port, wholeNumber, durationMs, url, flag, oneOf };

/** Any text that is not empty. */
function text(defaultValue?: string) {
  return optional(z.string(), defaultValue);
}

/** A TCP port, 0 to 65535. 0 takes a free one. */
function port(defaultValue: number) {
  return wholeNumber(defaultValue, { min: 0, max: 65_535 });
}

/** A whole number within a range, bounds included. */
function wholeNumber(defaultValue: number, { min, max }: { min: number; max: number }) {
  const expectation = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^-?\d{1,15}$/, quoting(expectation))
    .transform(Number)
    .refine((value) => value >= min && value <= max, quoting(expectation))
    .prefault(String(defaultValue));
}

/** A duration as "1500", "1500ms", "10s", "5m" or "1h". The value is in milliseconds. */
function durationMs(defaultValue: number) {
  return z
    .string()
    .regex(/^\d{1,12}(ms|s|m|h)?$/, quoting('must be a duration such as "1500ms", "10s" or "5m"'))
    .transform((value) => Number.parseInt(value, 10) * (unitMs[value.replace(/^\d+/, "")] ?? 1))
    .prefault(String(defaultValue));
}

/** A URL. The fault does not repeat it, for it may hold a password. */
function url(defaultValue?: string) {
  const valid = (value: string) => URL.canParse(value);
  return optional(z.string().refine(valid, "must be a URL such as scheme://host:port/path"), defaultValue);
}

/** "true" or "false", also "1", "0", "yes", "no", "on", "off". */
function flag(defaultValue: boolean) {
  return z
    .string()
    .toLowerCase()
    .pipe(z.enum(["true", "false", "1", "0", "yes", "no", "on", "off"], quoting("must be true or false")))
    .transform((value) => ["true", "1", "yes", "on"].includes(value))
    .prefault(String(defaultValue));
}

/** One of the listed words. */
function oneOf<const V extends string>(values: readonly V[], defaultValue: NoInfer<V>) {
  return z.enum(values, quoting(`must be one of ${values.join(", ")}`)).prefault(defaultValue);
}

function optional(type: z.ZodType<string, string>, defaultValue: string | undefined): z.ZodType<string, unknown> {
  return defaultValue === undefined ? type : type.prefault(defaultValue);
}

function quoting(expectation: string) {
  return { error: (issue: { input?: unknown }) => `${expectation}, but is ${JSON.stringify(String(issue.input))}` };
}
