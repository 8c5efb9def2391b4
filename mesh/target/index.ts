export type { CallerPlace } from "./balancers.ts";
export { createCallLog } from "./call-log.ts";
export type { ClientMeter, FurtherAttempts } from "./client-meter.ts";
export type { EndpointChannel, OpenEndpoint } from "./endpoint-channels.ts";
export type { MeshCallListener, MeshCallRequest, MeshChannel, UnaryAnswer } from "./mesh-call.ts";
export { affinityOf, affinityOfBytes } from "./method-policy.ts";
export { type RememberedCalls, rememberCalls } from "./remembered-calls.ts";
export { createTargetChannel, type TargetChannel, type TargetOptions, type TargetView } from "./target-channel.ts";
