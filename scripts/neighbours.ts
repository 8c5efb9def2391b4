import type { DescService } from "@bufbuild/protobuf";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import { variablePrefix } from "#mesh/config";

/** The main contract of every service process that has a database. */
export const shopServices: readonly DescService[] = [
  IdentityService,
  CatalogService,
  InventoryService,
  OrderService,
  PaymentService,
  ShippingService,
];

/** Those of the processes without one. */
export const statelessServices: readonly DescService[] = [DashboardService];

/** Addresses on this machine for every port that the environment changes. */
export function neighbours(env: NodeJS.ProcessEnv): Record<string, string> {
  const addresses: Record<string, string> = {};
  for (const service of [...shopServices, ...statelessServices]) {
    const port = env[`${variablePrefix(service)}_PORT`];
    if (port) addresses[`${variablePrefix(service)}_ADDRESS`] = `127.0.0.1:${port}`;
  }
  const { PLATFORM_IDENTITY_ADDRESS, ...rest } = addresses;
  const provider = env.PAYMENT_PROVIDER_PORT;
  return {
    ...rest,
    ...(PLATFORM_IDENTITY_ADDRESS && { PLATFORM_IDENTITY_ADDRESS, HEDDLE_IDENTITY_ADDRESS: PLATFORM_IDENTITY_ADDRESS }),
    ...(provider && { PAYMENT_PROVIDER_URL: `http://127.0.0.1:${provider}` }),
  };
}
