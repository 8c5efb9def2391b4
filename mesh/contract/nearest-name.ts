/** Returns the candidate that is most like a name, undefined when none is close. Case and "_" do not count. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const plain = plainName(name);
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain, plainName(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, plain.length / 3) ? best.candidate : undefined;
}

/** Returns `; did you mean "x"?` for a sentence, or nothing when no candidate is close. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

function plainName(name: string): string {
  return name.slice(0, 100).toLowerCase().replaceAll("_", "");
}

/** Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
