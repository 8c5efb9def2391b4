import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { shippingService } from "./service.ts";

await run(() => shippingService(readServiceConfig(ShippingService)));
