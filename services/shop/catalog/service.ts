import { fileURLToPath } from "node:url";
import { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import { CatalogErrorReasonSchema } from "#gen/shop/catalog/v1/catalog_errors_pb.ts";
import { file_shop_catalog_v1_catalog_events } from "#gen/shop/catalog/v1/catalog_events_pb.ts";
import { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { CatalogService as CatalogServiceV2 } from "#gen/shop/catalog/v2/catalog_service_pb.ts";
import { readEnvironment, type ServiceConfig, variable } from "#mesh/config";
import { createService } from "#mesh/service";
import { catalogHandlers } from "./handlers.ts";
import { catalogHandlersV2 } from "./handlers-v2.ts";
import { catalogReactions } from "./reactions.ts";
import { createRepository } from "./repository.ts";
import { seedCatalog } from "./seed.ts";

/** What the catalog takes from its environment besides what every service does. */
export interface CatalogSettings {
  /** HEDDLE_DEMO_DATA: whether the demo products are created at start. Default false. */
  readonly demoData: boolean;
}

/** Reads the catalog's own variables. Throws a ConfigurationError that lists every fault. */
export function readCatalogSettings(env?: NodeJS.ProcessEnv): CatalogSettings {
  return { demoData: readEnvironment({ HEDDLE_DEMO_DATA: variable.flag(false) }, env).HEDDLE_DEMO_DATA };
}

/** The catalog service, ready to start. */
export function catalogService(config: ServiceConfig, settings: CatalogSettings = readCatalogSettings()) {
  return createService({
    services: [CatalogService, CatalogServiceV2],
    events: file_shop_catalog_v1_catalog_events,
    reactions: CatalogReactionService,
    reasons: CatalogErrorReasonSchema,
    migrations: fileURLToPath(new URL("migrations", import.meta.url)),
    config,
    build({ database, outbox }) {
      const repository = createRepository(database, outbox);
      return {
        handlers: [catalogHandlers(repository), catalogHandlersV2(repository)],
        reactions: catalogReactions(repository),
        seed: settings.demoData ? () => seedCatalog(repository) : undefined,
      };
    },
  });
}
