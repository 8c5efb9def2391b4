import { address, demoProduct } from "../../e2e/customer.ts";

/** What somebody signs in with. */
export const ada = { email: "ada@heddle.local", password: "heddle-demo" };

/** An order that is confirmed. */
export const order = {
  items: [{ productId: demoProduct(1), quantity: 1 }],
  paymentMethod: "pm_card_visa",
  shippingAddress: address,
};

/** A product that is not there. */
export const unknownProduct = "01980000-0000-7000-8000-000000009999";

/** How its absence is told, as ProtoJSON. */
export const productNotFound = {
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason: "PRODUCT_NOT_FOUND",
  domain: "shop.catalog",
  metadata: { product_id: unknownProduct },
};
