import { freePort } from "#mesh/local";

/** Free ports for a whole shop, as the variables that set them. */
export async function shopPorts() {
  return {
    GATEWAY_PORT: String(await freePort()),
    HEDDLE_POSTGRES_PORT: String(await freePort()),
    HEDDLE_NATS_PORT: String(await freePort()),
    PAYMENT_PROVIDER_PORT: String(await freePort()),
    PLATFORM_IDENTITY_PORT: String(await freePort()),
    SHOP_CATALOG_PORT: String(await freePort()),
    SHOP_DASHBOARD_PORT: String(await freePort()),
    SHOP_INVENTORY_PORT: String(await freePort()),
    SHOP_ORDER_PORT: String(await freePort()),
    SHOP_PAYMENT_PORT: String(await freePort()),
    SHOP_SHIPPING_PORT: String(await freePort()),
  };
}
