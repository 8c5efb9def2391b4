export {
  createService,
  type Service,
  type ServiceBody,
  type ServiceOptions,
  type ServiceParts,
} from "./create-service.ts";
export { createDataPlane, type DataPlane, type DataPlaneOptions } from "./data-plane.ts";
export { natsUsers } from "./nats-users.ts";
export { createStatelessService, type StatelessParts, type StatelessServiceOptions } from "./stateless-service.ts";
