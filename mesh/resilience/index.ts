export { type AdmissionDecision, type AdmissionState, decideAdmission } from "./admission.ts";
export { type Breaker, type BreakerSnapshot, type BreakerState, createBreaker } from "./breaker.ts";
export { type Bulkhead, createBulkhead } from "./bulkhead.ts";
export type { AttemptInfo, CallFallback, CallFault, CallGuards, CallRequest, CallWorld } from "./call.ts";
export { endpointVerdict } from "./code-class.ts";
export { createEjection, type Ejection, type EjectionSnapshot } from "./ejection.ts";
export { Ending, type EndSignal } from "./ending.ts";
export type {
  AttemptExplanation,
  AttemptKind,
  CallExplanation,
  DecidedBy,
  RouteExplanation,
  TimeSpent,
} from "./explanation.ts";
export { explanationMessage } from "./explanation-message.ts";
export { createTargetGuards, type TargetGuards } from "./guards.ts";
export { createLatencyTracker, type LatencyTracker } from "./latency.ts";
export { type Failure, type Outcome, type Progress, parsePushback } from "./outcome.ts";
export { decideRetry, type RetryDecision, type StopReason } from "./retry.ts";
export { createRetryBudget, type RetryBudget } from "./retry-budget.ts";
export { type CallResult, runCall } from "./run-call.ts";
