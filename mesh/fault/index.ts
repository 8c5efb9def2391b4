export { type FaultPlan, readFaultPlan } from "./fault-plan.ts";
export { armFaults, behindFault, faultPoint, InjectedFault } from "./fault-point.ts";
export { type FaultPoint, faultPoints } from "./fault-points.ts";
