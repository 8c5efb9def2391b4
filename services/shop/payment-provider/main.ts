import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";
import { paymentProvider } from "./service.ts";

const config = readServiceConfig(PaymentService);
const log = createLogger({ name: "shop.payment-provider", level: config.logLevel, format: config.logFormat });
await run(paymentProvider(config), { log });
