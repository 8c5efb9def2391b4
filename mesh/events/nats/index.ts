export { natsBroker } from "./nats-broker.ts";
