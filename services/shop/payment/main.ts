import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { paymentService } from "./service.ts";

await run(() => paymentService(readServiceConfig(PaymentService)));
