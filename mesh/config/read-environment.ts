import { readFileSync } from "node:fs";
import type { z } from "zod";
import { StartError } from "#mesh/process";

/** The environment is wrong. The message lists every fault. */
export class ConfigurationError extends StartError {
  override readonly name: string = "ConfigurationError";
  /** One sentence per faulty variable. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(["The environment is not right:", ...faults.map((fault) => `  ${fault}`)].join("\n"));
    this.faults = faults;
  }
}

/**
 * Reads the variables of a shape (its keys are their names) and returns them typed and frozen.
 * An empty variable counts as not set. FOO_FILE names a file whose content is the value of FOO, without the line break
 * at its end. Throws a ConfigurationError that lists every fault; values appear in it only where the shape prints them.
 */
export function readEnvironment<S extends Record<string, z.ZodType>>(
  shape: S,
  env: NodeJS.ProcessEnv = process.env,
): Readonly<{ [K in keyof S]: z.infer<S[K]> }> {
  const faults: string[] = [];
  const values = Object.entries(shape).map(([name, type]) => {
    const raw = rawValue(name, env);
    if ("fault" in raw) {
      faults.push(raw.fault);
      return [name, undefined];
    }
    const result = type.safeParse(raw.value);
    if (result.success) return [name, result.data];
    const [issue] = result.error.issues;
    const what = raw.value === undefined ? "is not set" : (issue?.message ?? "is wrong");
    faults.push(`${name} ${what}${type.description ? ` (${type.description})` : ""}`);
    return [name, undefined];
  });
  if (faults.length > 0) throw new ConfigurationError(faults);
  return Object.freeze(Object.fromEntries(values));
}

function rawValue(name: string, env: NodeJS.ProcessEnv): { value: string | undefined } | { fault: string } {
  const value = env[name] || undefined;
  const file = env[`${name}_FILE`] || undefined;
  if (file === undefined) return { value };
  if (value !== undefined) return { fault: `${name} and ${name}_FILE are both set: keep one` };
  try {
    return { value: readFileSync(file, "utf8").replace(/\r?\n$/, "") || undefined };
  } catch (error) {
    return { fault: `${name}_FILE cannot be read: ${error instanceof Error ? error.message : error}` };
  }
}
