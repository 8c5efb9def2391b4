import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { orderService } from "./service.ts";

await run(() => orderService(readServiceConfig(OrderService)));
