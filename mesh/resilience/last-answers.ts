/** Answers kept for a fallback. */
export interface LastAnswers<T> {
  /** Keeps the answer to a request. */
  put(key: string, answer: T, now: number): void;
  /** The last answer to the same request when it is not older than `maxAgeMs`. */
  get(key: string, maxAgeMs: number, now: number): { readonly answer: T; readonly ageMs: number } | undefined;
}

/**
 * Keeps the last answer to each of the `capacity` requests that were answered last. A key must name all that an answer
 * depends on: method, request and who asked.
 */
export function createLastAnswers<T>(capacity: number): LastAnswers<T> {
  const answers = new Map<string, { answer: T; at: number }>();
  return {
    put(key, answer, now) {
      answers.delete(key);
      answers.set(key, { answer, at: now });
      const [oldest] = answers.keys();
      if (answers.size > capacity && oldest !== undefined) answers.delete(oldest);
    },
    get(key, maxAgeMs, now) {
      const found = answers.get(key);
      if (!found) return undefined;
      const ageMs = now - found.at;
      if (ageMs <= maxAgeMs) return { answer: found.answer, ageMs };
      answers.delete(key);
      return undefined;
    },
  };
}
