import type { Segment } from "./route-template.ts";

type Segments = readonly Segment[];

/** Whether some path has both forms. */
export function overlaps([a, ...restOfA]: Segments, [b, ...restOfB]: Segments): boolean {
  if (a?.kind === "rest" || b?.kind === "rest") return true;
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === "literal" && b.kind === "literal" && a.text !== b.text) return false;
  return overlaps(restOfA, restOfB);
}

/** Whether every path of the form `b` has the form `a` too. */
export function covers([a, ...restOfA]: Segments, [b, ...restOfB]: Segments): boolean {
  if (a?.kind === "rest") return true;
  if (a === undefined || b === undefined) return a === b;
  if (b.kind === "rest") return false;
  if (a.kind === "literal" && (b.kind !== "literal" || a.text !== b.text)) return false;
  return covers(restOfA, restOfB);
}

/** A path that has both forms, which overlap. */
export function sharedPath(a: Segments, b: Segments): string {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const parts = long.flatMap((segment, index) => {
    const other = short[index];
    const literal = segment.kind === "literal" ? segment : other?.kind === "literal" ? other : undefined;
    if (literal) return [encodeURIComponent(literal.text)];
    return segment.kind === "rest" && (other === undefined || other.kind === "rest") ? [] : ["x"];
  });
  return `/${parts.join("/")}`;
}

/** Paths of a form, of each length that makes a difference, with words that no literal has. */
export function pathsOf(segments: Segments, verb: string): string[] {
  const tails = segments.at(-1)?.kind === "rest" ? [[], ["~y"], ["~y", "~z"]] : [[]];
  const head = segments
    .filter(({ kind }) => kind !== "rest")
    .map((segment) => (segment.kind === "literal" ? encodeURIComponent(segment.text) : "~x"));
  return tails.map((tail) => `/${[...head, ...tail].join("/")}${verb === "" ? "" : `:${verb}`}`);
}
