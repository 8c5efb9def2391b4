import type { CatalogReactionService } from "#gen/shop/catalog/reactions/v1/catalog_reactions_pb.ts";
import type { ReactionHandlers } from "#mesh/saga";
import type { Repository } from "./repository.ts";

/** CatalogReactionService: what the catalog does when others announce something. */
export function catalogReactions(repository: Repository): ReactionHandlers<typeof CatalogReactionService> {
  return {
    async onAvailabilityChanged({ productId, available }, { tx, delivery }) {
      if (delivery === undefined) {
        throw new TypeError("AvailabilityChanged came without its delivery");
      }
      await repository.setAvailability(tx, { productId, available, stockVersion: delivery.aggregateVersion });
      return {};
    },
  };
}
