export { type Balancer, type BalancerOptions, createBalancer, type Picked, type PickRequest } from "./balancer.ts";
export type { Endpoint, EndpointState } from "./endpoint.ts";
export { hashText } from "./hash.ts";
