import type { DescService } from "@bufbuild/protobuf";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import { readServiceConfig, type ServiceConfig } from "#mesh/config";
import { group, type Part, together } from "#mesh/process";
import { readGatewayConfig } from "../gateway/config.ts";
import { gateway } from "../gateway/gateway.ts";
import { documentation, edgeServices } from "../gateway/services.ts";
import { identityService } from "../services/platform/identity/service.ts";
import { readIdentitySettings } from "../services/platform/identity/settings.ts";
import { catalogService, readCatalogSettings } from "../services/shop/catalog/service.ts";
import { dashboardService, readDashboardSettings } from "../services/shop/dashboard/service.ts";
import { inventoryService, readInventorySettings } from "../services/shop/inventory/service.ts";
import { orderService, readOrderSettings } from "../services/shop/order/service.ts";
import { paymentService, readPaymentSettings } from "../services/shop/payment/service.ts";
import { paymentProvider, readProviderSettings } from "../services/shop/payment-provider/service.ts";
import { shippingService } from "../services/shop/shipping/service.ts";
import { neighbours } from "./neighbours.ts";

/** The shop in one process. */
export interface Shop extends Part {
  /** Where the gateway listens, once started. */
  readonly url: string;
  /** The services by name, each on its own gRPC port. */
  readonly services: readonly { readonly name: string; readonly address: string }[];
}

/**
 * The whole shop in one process: every service on its own port, the test payment provider, and the gateway in front.
 * `environment` is what the processes would read if each ran alone; the addresses of neighbours follow their ports.
 * Throws a ConfigurationError or a ContractError for what is wrong with either.
 */
export function shop(environment: NodeJS.ProcessEnv): Shop {
  const env = { ...neighbours(environment), ...environment };
  const config = (main: DescService): ServiceConfig => readServiceConfig(main, env);
  const services = [
    identityService(config(IdentityService), readIdentitySettings(env)),
    catalogService(config(CatalogService), readCatalogSettings(env)),
    inventoryService(config(InventoryService), readInventorySettings(env)),
    orderService(config(OrderService), readOrderSettings(env)),
    paymentService(config(PaymentService), readPaymentSettings(env)),
    shippingService(config(ShippingService)),
    dashboardService(config(DashboardService), readDashboardSettings(env)),
  ];
  // It stands in for another company, with a database of its own: not as the payment service's role.
  const provider = paymentProvider(
    readServiceConfig(PaymentService, { ...env, SHOP_PAYMENT_POSTGRES_URL: "" }),
    readProviderSettings(env),
  );
  const edge = readGatewayConfig(env);
  const entrance = gateway({ config: edge, services: edgeServices(edge), documentation });
  return {
    ...group("shop", [provider, together("services", services), entrance]),
    services,
    get url() {
      return entrance.url;
    },
  };
}
