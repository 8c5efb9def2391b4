const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const [OPEN_LIST, CLOSE_LIST] = [0x5b, 0x5d];
const [OPEN_OBJECT, CLOSE_OBJECT] = [0x7b, 0x7d];

/** How deep objects and lists nest in a JSON text, and how many members the objects have, those of the same name as well. */
export function scanJson(text: string): { levels: number; members: number } {
  let [depth, levels, members] = [0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) members++;
    else if (code === OPEN_OBJECT || code === OPEN_LIST) levels = Math.max(levels, ++depth);
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth--;
  }
  return { levels, members };
}

/** Whether objects and lists nest deeper than `most` in a text, before anyone tries to parse it. */
export function isDeeperThan(text: string, most: number): boolean {
  // Every level has an end too.
  return text.length > 2 * most && scanJson(text).levels > most;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
