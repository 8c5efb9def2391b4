import { create, toBinary } from "@bufbuild/protobuf";
import { OrderReactionService } from "#gen/shop/order/reactions/v1/order_reactions_pb.ts";
import { OrderErrorReasonSchema } from "#gen/shop/order/v1/order_errors_pb.ts";
import { file_shop_order_v1_order_events } from "#gen/shop/order/v1/order_events_pb.ts";
import {
  GetOrderRequestSchema,
  GetOrderResponseSchema,
  OrderService,
  OrderStatus,
} from "#gen/shop/order/v1/order_service_pb.ts";
import { readContract } from "#mesh/contract";

/** The contract that the mesh servers of the benchmark serve. */
export const orderContract = () =>
  readContract({
    services: [OrderService],
    events: file_shop_order_v1_order_events,
    reactions: OrderReactionService,
    reasons: OrderErrorReasonSchema,
  });

const id = "0199c1a2-7c1e-7f00-8000-00000000000";
const price = { currencyCode: "EUR", units: 19n, nanos: 990_000_000 };

/** What both servers are asked. */
export const request = toBinary(GetOrderRequestSchema, create(GetOrderRequestSchema, { id: `${id}1` }));

/** What both servers answer: an order of three lines, about 400 bytes. */
export const response = create(GetOrderResponseSchema, {
  order: {
    id: `${id}1`,
    userId: `${id}2`,
    items: ["Blue mug", "Green mug", "Notebook"].map((name, i) => ({
      productId: `${id}${i}`,
      name,
      quantity: i + 1,
      unitPrice: price,
    })),
    total: { ...price, units: 119n },
    status: OrderStatus.CONFIRMED,
    paymentMethod: "pm_card_visa",
    shippingAddress: { recipient: "Ada", line1: "1 Loom Street", city: "London", postalCode: "N1", country: "GB" },
    createTime: { seconds: 1_760_000_000n },
    updateTime: { seconds: 1_760_000_001n },
  },
});

/** The same answer as servers write it that do not know the generated code: 64-bit numbers are strings. */
export const plainResponse: unknown = JSON.parse(
  JSON.stringify(response, (name, value) => {
    if (name === "$typeName") return undefined;
    return typeof value === "bigint" ? String(value) : value;
  }),
);
