export type { CallRecord } from "./call-record.ts";
export { type ClosableTransport, createMeshTransport, type MeshTransportOptions } from "./grpc-transport.ts";
export {
  type AnyRpcHandler,
  implement,
  type RpcContext,
  type RpcHandler,
  type RpcHandlers,
  type RpcService,
  requireUser,
} from "./handler.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions } from "./server.ts";
