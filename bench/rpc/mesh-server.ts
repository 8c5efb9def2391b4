import { Code, ConnectError } from "@connectrpc/connect";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { createRpcServer, implement, type RpcServer } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { orderContract, response } from "./contract.ts";
import { type SharedSettings, serverSide } from "./settings.ts";

/** What sets a mesh server apart. */
export interface MeshServerSettings extends SharedSettings {
  /** It works on one call at a time, so long on each, in milliseconds. Default 0: as fast as it can. */
  readonly slowMs?: number;
  /** Whether its own process calls it without a socket. Default false. */
  readonly local?: boolean;
}

/** Starts a mesh server with all interceptors on, each call logged as one line of JSON on stdout. */
export async function startMeshServer(settings: MeshServerSettings): Promise<RpcServer> {
  const { slowMs = 0, local = false } = settings;
  const unused = () => Promise.reject(new ConnectError("not part of the benchmark", Code.Unimplemented));
  const calls = { ended: 0 };
  const server = createRpcServer({
    ...serverSide(settings),
    host: "127.0.0.1",
    port: 0,
    local,
    contract: orderContract(),
    services: [
      implement(OrderService, {
        getOrder: slowMs > 0 ? oneAtATime(slowMs) : async () => response,
        placeOrder: unused,
        listOrders: unused,
        // biome-ignore lint/correctness/useYield: it is not called
        async *watchOrder() {
          await unused();
        },
        cancelOrder: unused,
      }),
    ],
    log: createLogger({ name: "shop.order" }),
    onCallEnd: () => {
      calls.ended++;
    },
  });
  await server.start();
  return server;
}

/** Waits instead of working, so that the other replicas keep the machine's cores. */
function oneAtATime(ms: number): () => Promise<typeof response> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const mine = last.then(() => new Promise<void>((resolve) => setTimeout(resolve, ms)));
    last = mine;
    return mine.then(() => response);
  };
}
