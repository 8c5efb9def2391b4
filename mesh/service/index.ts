export {
  createService,
  type Service,
  type ServiceBody,
  type ServiceOptions,
  type ServiceParts,
} from "./create-service.ts";
export { natsUsers } from "./nats-users.ts";
