/** The scale to which the largest weight is brought. */
const scale = 65_535;

/**
 * Returns what names the next of several places, each in proportion to its weight and as evenly spread as can be: the
 * static stride scheduler of gRFC A58. It needs no heap and no lock: place and round follow from one running number.
 */
export function createStaticStride(weights: readonly number[], start: number): () => number {
  const largest = Math.max(...weights);
  // A place with a tiny weight still gets a turn now and then, else its load would never be heard of again.
  const strides = weights.map((weight) => Math.max(1, Math.round((weight / largest) * scale)));
  let running = start;
  return () => {
    for (;;) {
      const place = running % strides.length;
      const round = Math.floor(running / strides.length);
      running += 1;
      const stride = strides[place] ?? scale;
      // Neighbours are offset by half a round, so that those with equal weights do not all pause at once.
      const phase = (stride * round + (place % 2) * Math.floor(scale / 2)) % scale;
      if (phase >= scale - stride) return place;
    }
  };
}
