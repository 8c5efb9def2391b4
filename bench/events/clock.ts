/** Milliseconds of the machine's own clock, which all of its processes share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** When something happened to the event with a key. */
export type Moments = readonly (readonly [key: string, ms: number])[];
