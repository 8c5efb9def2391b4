import { fileURLToPath } from "node:url";
import { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import { PaymentErrorReasonSchema } from "#gen/shop/payment/v1/payment_errors_pb.ts";
import { file_shop_payment_v1_payment_events as events } from "#gen/shop/payment/v1/payment_events_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { implement } from "#mesh/rpc";
import { createService } from "#mesh/service";
import { paymentHandlers } from "./handlers.ts";
import { httpProvider } from "./http-provider.ts";
import { paymentReactions } from "./reactions.ts";

/** What the payment service takes from its environment besides what every service does. */
export interface PaymentSettings {
  /** PAYMENT_PROVIDER_URL: base address of the provider. Default http://127.0.0.1:50061, the built-in test provider. */
  readonly providerUrl: string;
}

/** Reads the payment service's own variables. Throws a ConfigurationError that lists every fault. */
export function readPaymentSettings(env?: NodeJS.ProcessEnv): PaymentSettings {
  const shape = { PAYMENT_PROVIDER_URL: variable.url("http://127.0.0.1:50061") };
  return { providerUrl: readEnvironment(shape, env).PAYMENT_PROVIDER_URL };
}

/** The payment service, ready to start. */
export function paymentService(config: ServiceConfig, settings: PaymentSettings = readPaymentSettings()) {
  return createService({
    services: [PaymentService],
    events,
    reactions: PaymentReactionService,
    reasons: PaymentErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    build: ({ database }) => ({
      handlers: [implement(PaymentService, paymentHandlers({ database }))],
      reactions: paymentReactions({ database, provider: httpProvider(settings.providerUrl) }),
    }),
  });
}
