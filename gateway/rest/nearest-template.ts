import { nearestName } from "#mesh/contract";
import type { Route } from "./route-table.ts";
import type { Segment, Template } from "./route-template.ts";

/** Longer paths are nobody's typing errors, and looking for what they might mean would cost the most. */
const longestPath = 200;

/**
 * Finds the route whose template is most like a path that has none: with as many segments, and literals that the
 * path's are like. Undefined when nothing is near.
 */
export function nearestTemplate(path: string, routes: readonly Route[]): Route | undefined {
  if (path.length > longestPath) return undefined;
  const parts = path.split("/").filter((part) => part !== "");
  const ranked = routes
    .map((route) => ({ route, likeness: likenessOf(parts, route.template) }))
    .sort((a, b) => b.likeness - a.likeness);
  return ranked[0] && ranked[0].likeness > 0 ? ranked[0].route : undefined;
}

/** 0 for a path that nobody would take for the template's, else the more the better. */
function likenessOf(parts: readonly string[], { segments, verb }: Template): number {
  const endless = segments.at(-1)?.kind === "rest";
  const least = endless ? segments.length - 1 : segments.length;
  if (parts.length < least || (!endless && parts.length > least)) return 0;
  const [last = "", said = ""] = splitVerb(parts.at(-1) ?? "", verb);
  const plain = [...parts.slice(0, -1), last];
  const likenesses = segments.map((segment, index) => segmentLikeness(plain[index] ?? "", segment));
  if (verb !== "") likenesses.push(textLikeness(said, verb));
  return likenesses.includes(0) ? 0 : likenesses.reduce((sum, likeness) => sum + likeness, 0) / likenesses.length;
}

function splitVerb(part: string, verb: string): [segment: string, verb: string] {
  const colon = verb === "" ? -1 : part.lastIndexOf(":");
  return colon < 0 ? [part, ""] : [part.slice(0, colon), part.slice(colon + 1)];
}

function segmentLikeness(part: string, segment: Segment): number {
  return segment.kind === "literal" ? textLikeness(part, segment.text) : 0.8;
}

function textLikeness(said: string, meant: string): number {
  if (said === meant) return 1;
  return nearestName(said, [meant]) === undefined ? 0 : 0.5;
}
