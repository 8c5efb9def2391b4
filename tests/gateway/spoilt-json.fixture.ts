/** Texts that stand where a value was. */
export const oddities = [
  ...[
    "null",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1e2",
    "1e999",
    "3.5e38",
    "4294967296",
    "9007199254740993",
    "true",
    "[]",
    "{}",
  ],
  ...[
    '""',
    '"0"',
    '"1"',
    '"-1"',
    '"1e2"',
    '"NaN"',
    '"x"',
    '"COLOR_RED"',
    '"COLOR_DARK"',
    '"AQ"',
    '"AQ=="',
    '"\\ud800"',
  ],
  ...[
    "[null]",
    "[1]",
    '["a"]',
    '{"a":1}',
    '{"a":1,"a":2}',
    '{"aString":"b"}',
    '{"a_string":"b","aString":"c"}',
    '{"":0}',
  ],
];

/** Puts a text in the place of one of the values of a JSON text. */
export function spoil(text: string, at: number, oddity: string): string {
  const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[\w.+-]+|\[\]|\{\}/g)];
  const chosen = values[at % Math.max(values.length, 1)];
  if (!chosen) return oddity;
  return text.slice(0, chosen.index) + oddity + text.slice(chosen.index + chosen[0].length);
}
