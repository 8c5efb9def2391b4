import { DashboardService } from "#gen/shop/dashboard/v1/dashboard_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { dashboardService } from "./service.ts";

await run(() => dashboardService(readServiceConfig(DashboardService)));
