export type {
  AdmissionPolicy,
  BalanceAlgorithmName,
  BalancePolicy,
  BreakerPolicy,
  BudgetPolicy,
  BulkheadPolicy,
  CallPolicy,
  EjectionPolicy,
  FallbackPolicy,
  HedgePolicy,
  RetryPolicy,
  TargetPolicy,
} from "./call-policy.ts";
export type {
  CachingPolicy,
  CommandContract,
  Contract,
  CounterContract,
  DeprecationContract,
  EffectContract,
  EventContract,
  EventReactionContract,
  FieldPath,
  MethodContract,
  MethodPolicy,
  MoveContract,
  ParticipantContract,
  RateLimitPolicy,
  ReactionsContract,
  ResultField,
  ResumeContract,
  RuleContract,
  SagaContract,
  TimerContract,
} from "./contract.ts";
export { ContractError } from "./faults.ts";
export { didYouMean, nearestName } from "./nearest-name.ts";
export { callPolicyOf, declaredDeadlineMs, targetPolicyOf } from "./read-call-policy.ts";
export { type ContractSources, readContract, readPolicies } from "./read-contract.ts";
export { eventContract, eventKey, eventSubject } from "./read-event.ts";
export { httpRulesOf } from "./read-method.ts";
export { readSaga } from "./read-saga.ts";
export { schemaHash } from "./schema-hash.ts";
export { packageName } from "./service-name.ts";
export { createSourceIndex, type ElementSource, type SourceIndex } from "./source-index.ts";
