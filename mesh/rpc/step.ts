import type { ServerCall } from "./server-call.ts";

/** A stretch of a call's way through the server. It fails by rejecting or throwing. */
export type Step = (call: ServerCall) => Promise<void>;

/** Puts something around the rest of the way. Called once for each method at start, so that calls cost no closures. */
export type Interceptor = (next: Step) => Step;

/** Puts interceptors around `handle`, the first one outermost. */
export function compose(interceptors: readonly Interceptor[], handle: Step): Step {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), handle);
}
