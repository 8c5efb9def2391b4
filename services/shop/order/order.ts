import { OrderErrorReason } from "#gen/shop/order/v1/order_errors_pb.ts";
import { Refusal } from "#mesh/refusal";
import { type Amount, plus, times } from "./money.ts";

/** A line that a customer asks for. */
export interface WantedLine {
  readonly productId: string;
  readonly quantity: number;
}

/** What the catalog says about a product. */
export interface PricedProduct {
  readonly id: string;
  readonly name: string;
  readonly price: Amount;
}

/** A line of an order, with name and price as they were when it was placed. */
export interface Line extends WantedLine {
  readonly name: string;
  readonly unitPrice: Amount;
}

/** Where to deliver, as the customer wrote it. */
export interface Address {
  readonly recipient: string;
  readonly line1: string;
  readonly line2: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: string;
}

/** What somebody ordered, at which prices. It does not change any more. */
export interface Order {
  /** UUIDv7. */
  readonly id: string;
  readonly userId: string;
  /** The client's name for the call; empty where it gave none. */
  readonly requestId: string;
  readonly lines: readonly Line[];
  readonly total: Amount;
  readonly paymentMethod: string;
  readonly shippingAddress: Address;
}

/** Whoever asks for an order. */
export interface Asker {
  readonly id: string;
  readonly roles: readonly string[];
}

/**
 * Prices an order with what the catalog says, exactly. Throws `Refusal` PRODUCT_NOT_FOUND for a product that the
 * catalog does not have, CURRENCIES_MIXED for products of more than one currency.
 */
export function priceOrder(wanted: readonly WantedLine[], products: readonly PricedProduct[]) {
  const byId = new Map(products.map((product) => [product.id, product]));
  const lines = mergeLines(wanted).map((line) => priceLine(line, byId.get(line.productId)));
  const total = lines
    .map((line) => times(line.unitPrice, line.quantity))
    .reduce((sum, amount) => {
      if (sum.currencyCode !== amount.currencyCode) throw new Refusal(OrderErrorReason.CURRENCIES_MIXED);
      return plus(sum, amount);
    });
  return { lines, total };
}

/** Whether somebody may see and cancel an order: whoever placed it, and admins. */
export function maySee(order: { readonly userId: string }, asker: Asker): boolean {
  return order.userId === asker.id || isAdmin(asker);
}

/**
 * Says whose orders somebody gets to see; undefined means everyone's.
 * Throws `Refusal` NOT_YOURS for another user's when the asker is no admin.
 */
export function visibleUser(asker: Asker, wantedUserId: string): string | undefined {
  const wanted = wantedUserId.toLowerCase();
  if (isAdmin(asker)) return wanted || undefined;
  if (wanted && wanted !== asker.id) throw new Refusal(OrderErrorReason.NOT_YOURS);
  return asker.id;
}

// One product written in two ways would count as two lines.
function mergeLines(wanted: readonly WantedLine[]): WantedLine[] {
  const quantities = new Map<string, number>();
  for (const { productId, quantity } of wanted) {
    const id = productId.toLowerCase();
    quantities.set(id, (quantities.get(id) ?? 0) + quantity);
  }
  return [...quantities].map(([productId, quantity]) => ({ productId, quantity }));
}

function priceLine({ productId, quantity }: WantedLine, product: PricedProduct | undefined): Line {
  if (!product) throw new Refusal(OrderErrorReason.PRODUCT_NOT_FOUND, { product_id: productId });
  return { productId, quantity, name: product.name, unitPrice: product.price };
}

function isAdmin(asker: Asker): boolean {
  return asker.roles.includes("admin");
}
