export { after } from "./after.ts";
export {
  type Call,
  type CallListener,
  type CallRequest,
  type Channel,
  type ChannelOptions,
  createChannel,
  type PooledChannel,
} from "./channel.ts";
export { Endpoint, type EndpointCounts, type EndpointState } from "./endpoint.ts";
export { createGrpcJsChannel, type GrpcJsChannelOptions } from "./grpc-js-channel.ts";
export { fromSent, toReceived } from "./grpc-js-metadata.ts";
export {
  appendMetadata,
  binaryValue,
  decodeMetadata,
  encodeMetadata,
  isProtocolName,
  isSendableName,
  type SentMetadata,
  toAscii,
} from "./metadata.ts";
export type { EndpointOptions, KeepaliveOptions, SecureOptions } from "./options.ts";
export { type CallStatus, type ReceivedMetadata, Status } from "./status.ts";
export { UnaryListener } from "./unary-listener.ts";
