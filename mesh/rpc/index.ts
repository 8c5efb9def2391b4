export type { ByteCalls, ByteListener } from "./byte-calls.ts";
export type { CallMeter, CallRecord } from "./call-record.ts";
export {
  type AnyRpcHandler,
  implement,
  type RpcContext,
  type RpcHandler,
  type RpcHandlers,
  type RpcService,
  requireUser,
} from "./handler.ts";
export {
  createMeshTransport,
  createTargetTransport,
  type MeshTransportOptions,
  type TargetTransport,
  type TargetTransportOptions,
} from "./mesh-transport.ts";
export type { ChannelKind, EndpointSettings } from "./open-endpoint.ts";
export { createReflection } from "./reflection.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions } from "./server.ts";
export type { ClosableTransport } from "./transport.ts";
export { isUnseen } from "./unseen.ts";
