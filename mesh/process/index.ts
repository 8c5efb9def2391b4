export { group } from "./group.ts";
export type { Part } from "./part.ts";
export { type Program, type RunOptions, run } from "./run.ts";
export { StartError } from "./start-error.ts";
export { together } from "./together.ts";
export { createWakeUp, type WakeUp } from "./wake-up.ts";
export { createWorkers, type Workers, type WorkersOptions } from "./workers.ts";
