export type { CallRecord } from "./call-record.ts";
export {
  type AnyRpcHandler,
  implement,
  type RpcContext,
  type RpcHandler,
  type RpcHandlers,
  type RpcService,
  requireUser,
} from "./handler.ts";
export { type ChannelKind, createMeshTransport, type MeshTransportOptions } from "./mesh-transport.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions } from "./server.ts";
export type { ClosableTransport } from "./transport.ts";
