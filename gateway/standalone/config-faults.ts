import { type Document, isMap, isNode, isScalar, isSeq, type LineCounter } from "yaml";
import type { z } from "zod";
import { didYouMean } from "#mesh/contract";
import { configNames } from "./config-shape.ts";

/** What is wrong, and where in the file. */
export interface ConfigFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The faults that an issue stands for: each unknown name by itself, and of alternatives the one that was meant. */
export function faultsOf(issue: z.core.$ZodIssue): ConfigFault[] {
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: `is unknown${didYouMean(key, configNames)}` }));
  }
  if (issue.code === "invalid_union") {
    // What is wrong inside of an alternative says that at least its kind was right.
    const inside = issue.errors.map((issues) => issues.flatMap(faultsOf)).find((faults) => faults.every(isInside));
    if (inside && inside.length > 0) return inside.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
  }
  return [{ path, message: message.replace("Invalid input: expected", "must be") }];
}

function isInside({ path, message }: ConfigFault): boolean {
  return path.length > 0 || !message.startsWith("must be");
}

/** The line in which what is at a path is written, or the nearest that it would be in. */
export function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === step) : undefined;
    const item: unknown = isSeq(node) && typeof step === "number" ? node.items[step] : undefined;
    const place: unknown = pair?.key ?? item;
    if (!isNode(place)) break;
    offset = place.range?.[0] ?? offset;
    node = pair ? pair.value : item;
  }
  return lines.linePos(offset).line;
}
