import type { Client } from "@connectrpc/connect";
import type { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import type { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { type DashboardService, DashboardPart as Part } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import type { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import type { RpcHandlers } from "#mesh/rpc";
import { recommend } from "./recommend.ts";
import { tried } from "./tried.ts";

/** Who is asked for the parts. */
export interface Neighbours {
  readonly identity: Pick<Client<typeof IdentityService>, "getUser">;
  readonly orders: Pick<Client<typeof OrderService>, "listOrders">;
  readonly catalog: Pick<Client<typeof CatalogService>, "listProducts">;
}

const recentOrders = 5;
/** Enough to find something among that is in stock and new. */
const productsToChooseFrom = 50;

/** Answers the calls of DashboardService. */
export function dashboardHandlers(
  { identity, orders, catalog }: Neighbours,
  { partDeadlineMs }: { readonly partDeadlineMs: number },
): RpcHandlers<typeof DashboardService> {
  return {
    async getDashboard(_, { signal, caller }) {
      const call = { signal, timeoutMs: partDeadlineMs };
      const [user, ordered, listed] = await Promise.all([
        tried(Part.PROFILE, identity.getUser({ id: "me" }, call)),
        // An admin would be shown everyone's without the id.
        tried(Part.RECENT_ORDERS, orders.listOrders({ pageSize: recentOrders, userId: caller.user?.id ?? "" }, call)),
        tried(Part.RECOMMENDED_PRODUCTS, catalog.listProducts({ pageSize: productsToChooseFrom }, call)),
      ]);
      const newest = ordered.value?.orders ?? [];
      return {
        ...(user.value?.user && { profile: user.value.user }),
        recentOrders: newest,
        recommendedProducts: recommend(listed.value?.products ?? [], newest),
        missing: [user, ordered, listed].flatMap(({ missing }) => missing ?? []),
      };
    },
  };
}
