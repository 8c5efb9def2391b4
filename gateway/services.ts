import type { DescService } from "@bufbuild/protobuf";
import { DiscoveryService } from "#gen/heddle/discovery/v1/discovery_service_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { CatalogService as CatalogServiceV2 } from "#gen/shop/catalog/v2/catalog_service_pb.ts";
import { DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { InventoryService } from "#gen/shop/inventory/v1/inventory_service_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { PaymentService } from "#gen/shop/payment/v1/payment_service_pb.ts";
import { ShippingService } from "#gen/shop/shipping/v1/shipping_service_pb.ts";
import type { GatewayConfig } from "./config.ts";
import type { Documentation } from "./edge.ts";
import { ownContracts, readContractImage } from "./openapi/contract-image.ts";
import type { Upstream } from "./upstream/call-upstream.ts";

/** Contracts at the edge, each with the one whose process serves it. */
const served: readonly { readonly service: DescService; readonly at: DescService }[] = [
  { service: IdentityService, at: IdentityService },
  { service: JsonWebKeyService, at: IdentityService },
  // Every process knows the same registry.
  { service: DiscoveryService, at: IdentityService },
  { service: CatalogService, at: CatalogService },
  { service: CatalogServiceV2, at: CatalogService },
  { service: InventoryService, at: InventoryService },
  { service: OrderService, at: OrderService },
  { service: PaymentService, at: PaymentService },
  { service: ShippingService, at: ShippingService },
  { service: DashboardService, at: DashboardService },
];

/** How their API is described: with the comments and reasons of every contract of this tree. */
export const documentation: Documentation = {
  title: "Shop",
  files: () => [...readContractImage(ownContracts).files],
};

/** The contracts at the edge. */
export const edgeContracts: readonly DescService[] = served.map(({ service }) => service);

/** The contracts that the gateway serves, with the addresses of their processes. */
export function edgeServices(config: Pick<GatewayConfig, "addressOf" | "serverOf">): Upstream[] {
  return served.map(({ service, at }) => ({ service, address: config.addressOf(at), server: config.serverOf(at) }));
}
