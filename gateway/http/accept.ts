/** A media range of an Accept header with its weight. All is in lower case. */
export interface Range {
  readonly type: string;
  /** Such as "charset=utf-8". */
  readonly parameters: readonly string[];
  readonly quality: number;
}

/**
 * Chooses the media type that a client likes best (RFC 9110, section 12.5.1): of equals one that it names before one
 * that a wildcard covers, then the first offered. Undefined when it takes none of them. `offers` are in lower case,
 * without parameters; those of the header are not compared.
 */
export function preferredType(accept: string | undefined, offers: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === "") return offers[0];
  const ranges = readAccept(accept);
  let best: { offer: string; rank: number } | undefined;
  for (const offer of offers) {
    const rank = rankOf(offer, ranges);
    if (rank > (best?.rank ?? 0)) best = { offer, rank };
  }
  return best?.offer;
}

/** Reads the media ranges of an Accept header, in their order. */
export function readAccept(accept: string): Range[] {
  return accept.split(",").map(readRange);
}

function readRange(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  const quality = weight === undefined ? 1 : Number(weight.slice(weight.indexOf("=") + 1));
  return { type, parameters, quality: Number.isFinite(quality) ? Math.min(Math.max(quality, 0), 1) : 0 };
}

/** The most specific range that covers the type decides: its weight in thousandths, then how specific it is. */
function rankOf(offer: string, ranges: readonly Range[]): number {
  const [group] = offer.split("/", 1);
  for (const [index, covering] of [offer, `${group}/*`, "*/*"].entries()) {
    const range = ranges.find(({ type }) => type === covering);
    if (range) return range.quality === 0 ? 0 : Math.round(range.quality * 1_000) * 3 + (2 - index);
  }
  return 0;
}
