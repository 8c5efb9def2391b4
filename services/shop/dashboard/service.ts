import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { implement } from "#mesh/rpc";
import { createStatelessService } from "#mesh/service";
import { dashboardHandlers } from "./handlers.ts";

/** What the dashboard takes from its environment besides what every service does. */
export interface DashboardSettings {
  /** DASHBOARD_PART_DEADLINE: how long a part may take, in milliseconds. Default 800 ms. */
  readonly partDeadlineMs: number;
}

/** Reads the dashboard's own variables. Throws a ConfigurationError that lists every fault. */
export function readDashboardSettings(env?: NodeJS.ProcessEnv): DashboardSettings {
  const shape = { DASHBOARD_PART_DEADLINE: variable.durationMs(800) };
  return { partDeadlineMs: readEnvironment(shape, env).DASHBOARD_PART_DEADLINE };
}

/** The dashboard service, ready to start. */
export function dashboardService(config: ServiceConfig, settings: DashboardSettings = readDashboardSettings()) {
  return createStatelessService({
    services: [DashboardService],
    config,
    build: ({ client }) => {
      const neighbours = {
        identity: client(IdentityService),
        orders: client(OrderService),
        catalog: client(CatalogService),
      };
      return [implement(DashboardService, dashboardHandlers(neighbours, settings))];
    },
  });
}
