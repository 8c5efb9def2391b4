const quote = 0x22;
const backslash = 0x5c;

/** Whether objects and lists nest deeper than `most` in a text, before anyone tries to parse it. */
export function isDeeperThan(text: string, most: number): boolean {
  // Every level has an end too.
  if (text.length <= 2 * most) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (isOpening(code) && ++depth > most) return true;
    else if (isClosing(code)) depth--;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

/** "[" or "{". */
function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

/** "]" or "}". */
function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}
