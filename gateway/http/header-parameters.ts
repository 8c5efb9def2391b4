/** The value of a header such as Content-Type, taken apart. */
export interface ParameterizedValue {
  /** What stands before the parameters, in lower case. */
  readonly type: string;
  /** By names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = "[\\w!#$%&'*+.^`|~-]+";
const typePattern = new RegExp(`^(${token}(?:/${token})?)[ \\t]*(?=;|$)`);

/**
 * Reads "type; name=value; name="value"". A quoted value ends at the next quote: browsers write %22 for one within (HTML,
 * "multipart/form-data encoding algorithm"). Undefined for anything else, and for a name that is there twice.
 */
export function readParameters(value: string): ParameterizedValue | undefined {
  const [head, type] = typePattern.exec(value.trim()) ?? [];
  if (head === undefined || type === undefined) return undefined;
  const rest = value.trim();
  const pattern = new RegExp(`;[ \\t]*(${token})=(?:"([^"]*)"|([^\\s";]*))[ \\t]*`, "y");
  const parameters = new Map<string, string>();
  pattern.lastIndex = head.length;
  while (pattern.lastIndex < rest.length) {
    const [, name, quoted, bare = ""] = pattern.exec(rest) ?? [];
    const key = name?.toLowerCase();
    if (key === undefined || parameters.has(key)) return undefined;
    parameters.set(key, quoted ?? bare);
  }
  return { type: type.toLowerCase(), parameters };
}
