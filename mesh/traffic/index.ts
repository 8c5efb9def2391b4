export { type FaultOptions, injectFault } from "./inject-fault.ts";
export type { TrafficCall } from "./match.ts";
export { parseMirror, withMirror } from "./mirror.ts";
export { mirrorCall } from "./mirror-call.ts";
export { formatTrafficRules, parseTrafficRules, TrafficRulesError } from "./parse-rules.ts";
export { routeCall } from "./route-call.ts";
export { parseSplit, withSplit } from "./split.ts";
export { createTrafficStore, type TrafficStore, trafficBucket } from "./traffic-store.ts";
