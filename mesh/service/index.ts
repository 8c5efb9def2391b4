export {
  createService,
  type Service,
  type ServiceBody,
  type ServiceOptions,
  type ServiceParts,
} from "./create-service.ts";
export { type CallSettings, targetCalls } from "./target-calls.ts";
