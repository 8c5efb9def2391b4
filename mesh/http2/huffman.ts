import { Http2Error } from "./http2-error.ts";

// RFC 7541, Appendix B, has a canonical code: codes of one length follow each other in the order of their symbols, and
// those of the next length come after them. The lengths alone, by symbol, are the whole code; the last one is its end.
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const LONGEST = 30;
const END = 256;

/** All symbols by the length of their code, and within it by themselves. */
const SYMBOLS = LENGTHS.map((_, symbol) => symbol).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
/** By length: how many codes have it, the first of them, and where its symbol stands. */
const COUNT = new Int32Array(LONGEST + 1);
const FIRST_CODE = new Int32Array(LONGEST + 1);
const FIRST_SYMBOL = new Int32Array(LONGEST + 1);

for (const length of LENGTHS) COUNT[length] = (COUNT[length] ?? 0) + 1;
for (let length = 1; length <= LONGEST; length++) {
  const before = COUNT[length - 1] ?? 0;
  FIRST_CODE[length] = ((FIRST_CODE[length - 1] ?? 0) + before) * 2;
  FIRST_SYMBOL[length] = (FIRST_SYMBOL[length - 1] ?? 0) + before;
}

/**
 * Decodes a string of RFC 7541, 5.2, as Latin-1. Throws an Http2Error for padding that is no prefix of the end's code,
 * and for the end itself.
 */
export function decodeHuffman(bytes: Buffer): string {
  // The shortest code has 5 bits.
  const text = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 5));
  let written = 0;
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const nth = code - (FIRST_CODE[length] ?? 0);
      if (nth >= (COUNT[length] ?? 0)) continue;
      const symbol = SYMBOLS[(FIRST_SYMBOL[length] ?? 0) + nth] ?? END;
      if (symbol === END) throw Http2Error.compression("a string holds the end of its own code");
      text[written++] = symbol;
      code = 0;
      length = 0;
    }
  }
  if (length > 7 || code !== 2 ** length - 1) throw Http2Error.compression("a string is padded badly");
  return text.toString("latin1", 0, written);
}

function lengthOf(symbol: number): number {
  return LENGTHS[symbol] ?? LONGEST;
}
