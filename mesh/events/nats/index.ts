export { consumerConfig } from "./configuration.ts";
export { natsBroker } from "./nats-broker.ts";
