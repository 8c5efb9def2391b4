import type { Client } from "@connectrpc/connect";
import { uuidv7 } from "uuidv7";
import type { CatalogService } from "#gen/shop/catalog/v1/catalog_service_pb.ts";
import { OrderErrorReason as Reason } from "#gen/shop/order/v1/order_errors_pb.ts";
import { OrderPlacedSchema } from "#gen/shop/order/v1/order_events_pb.ts";
import { OrderReason, OrderService, type PlaceOrderRequest } from "#gen/shop/order/v1/order_service_pb.ts";
import type { Database } from "#mesh/db";
import { event } from "#mesh/events";
import { Refusal } from "#mesh/refusal";
import type { Participants } from "#mesh/saga";
import { type Asker, type Order, type PricedProduct, priceOrder } from "./order.ts";
import { findByRequest, holdUser, insertOrder, type OrderRecord } from "./repository.ts";

/** What placing an order needs. */
export interface Placing {
  readonly database: Database;
  readonly participants: Participants;
  readonly catalog: Pick<Client<typeof CatalogService>, "batchGetProducts">;
}

/** The user has placed an order with this request id at the same moment: the transaction is given up. */
class RequestRepeated extends Error {}

/**
 * Places an order at the catalog's prices, or returns the one that the same user placed with the same request id.
 * Throws `Refusal` PRODUCT_NOT_FOUND, CURRENCIES_MIXED or USER_DELETED.
 */
export async function placeOrder(parts: Placing, request: PlaceOrderRequest, user: Asker): Promise<OrderRecord> {
  const { database } = parts;
  const repeated = () => findByRequest(database.orm, user.id, request.requestId);
  const known = request.requestId ? await repeated() : undefined;
  if (known) return known;
  const order = await draftOrder(parts, request, user);
  try {
    return await commitOrder(parts, order);
  } catch (error) {
    const winner = error instanceof RequestRepeated ? await repeated() : undefined;
    if (winner) return winner;
    throw error;
  }
}

async function draftOrder({ catalog }: Placing, request: PlaceOrderRequest, user: Asker): Promise<Order> {
  const { items, paymentMethod, shippingAddress, requestId } = request;
  // The contract requires the address, and the server has checked it.
  if (!shippingAddress) throw new Error("the request has no shipping address");
  const { products } = await catalog.batchGetProducts({ ids: [...new Set(items.map((item) => item.productId))] });
  const priced = products.map(({ id, name, price }): PricedProduct => {
    if (!price) throw new Error(`the catalog has no price of product ${id}`);
    return { id, name, price: { currencyCode: price.currencyCode, units: price.units, nanos: price.nanos } };
  });
  const { lines, total } = priceOrder(items, priced);
  const { recipient, line1, line2, city, postalCode, country } = shippingAddress;
  const address = { recipient, line1, line2, city, postalCode, country };
  return { id: uuidv7(), userId: user.id, requestId, lines, total, paymentMethod, shippingAddress: address };
}

async function commitOrder({ participants }: Placing, order: Order): Promise<OrderRecord> {
  const { id, userId, lines, total, paymentMethod } = order;
  const moved = await participants.command(OrderService.method.placeOrder, id, async (tx) => {
    if ((await holdUser(tx, userId)).deleted) throw new Refusal(Reason.USER_DELETED);
    const createdAt = await insertOrder(tx, order);
    if (!createdAt) throw new RequestRepeated();
    const items = lines.map(({ productId, quantity }) => ({ productId, quantity }));
    return { emit: event(OrderPlacedSchema, { orderId: id, userId, items, total, paymentMethod }), value: createdAt };
  });
  if (moved.outcome !== "moved") throw new Error(`order ${id} is new, but its participant is ${moved.state}`);
  const { value: createdAt, to: state } = moved;
  // The step that brought it here is its first.
  return { ...order, reason: OrderReason.UNSPECIFIED, state, version: 1, createdAt, updatedAt: createdAt };
}
