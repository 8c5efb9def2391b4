import type { System, Verdict } from "#mesh/verify";
/** x */
export function writePages(_system: System, _verdicts: readonly Verdict[]): void {}
