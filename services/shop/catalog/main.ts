import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { readServiceConfig } from "#mesh/config";
import { run } from "#mesh/process";
import { catalogService } from "./service.ts";

const service = catalogService(readServiceConfig(CatalogService));
await run(service, { log: service.log });
