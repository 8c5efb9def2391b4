export type {
  CommandContract,
  Contract,
  EffectContract,
  EventContract,
  EventReactionContract,
  MethodContract,
  MethodPolicy,
  MoveContract,
  ParticipantContract,
  ReactionsContract,
  ResultField,
  TimerContract,
} from "./contract.ts";
export { ContractError } from "./faults.ts";
export { nearestName } from "./nearest-name.ts";
export { type ContractSources, readContract, readPolicies } from "./read-contract.ts";
export { eventContract, eventKey, eventSubject } from "./read-event.ts";
export { declaredDeadlineMs } from "./read-method.ts";
export { packageName } from "./service-name.ts";
