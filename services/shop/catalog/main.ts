import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { catalogService } from "./service.ts";

await run(() => catalogService(readServiceConfig(CatalogService)));
