/** ASCII without letters and digits. The search column of schema.ts reads names and descriptions the same way. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters separate words like spaces do
const separators = /[\s\u0000-/:-@[-`{-\u007f]+/;

/**
 * Turns what somebody typed into the text of a Postgres tsquery: every word must be there, the last one may be
 * unfinished. Empty when there is no word. Quotes and operators are separators, so any input is safe.
 */
export function searchQuery(typed: string): string {
  const words = typed.split(separators).filter((word) => word !== "");
  return words.length === 0 ? "" : `${words.map((word) => `'${word}'`).join(" & ")}:*`;
}
