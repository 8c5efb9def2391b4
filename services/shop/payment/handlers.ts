import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { PaymentErrorReason as Reason } from "#gen/shop/payment/v1/payment_errors_pb.ts";
import { type PaymentService, PaymentStatus } from "#gen/shop/payment/v1/payment_service_pb.ts";
import type { Database } from "#mesh/db";
import { Refusal } from "#mesh/refusal";
import { type RpcHandlers, requireUser } from "#mesh/rpc";
import { maySee } from "./payment.ts";
import { findPayment, type PaymentRecord } from "./repository.ts";

// States are stored by the names that the generated enum has, too.
const statuses = new Map<string, PaymentStatus>(Object.entries(PaymentStatus));

/** Answers the calls of PaymentService. */
export function paymentHandlers({ database }: { readonly database: Database }): RpcHandlers<typeof PaymentService> {
  return {
    async getPayment({ orderId }, context) {
      const found = await findPayment(database.orm, orderId);
      if (!found || !maySee(found, requireUser(context))) {
        throw new Refusal(Reason.PAYMENT_NOT_FOUND, { order_id: orderId });
      }
      return { payment: toPayment(found) };
    },
  };
}

function toPayment({ orderId, userId, amount, declineCode, state, createdAt, updatedAt }: PaymentRecord) {
  return {
    orderId,
    userId,
    status: statuses.get(state) ?? PaymentStatus.UNSPECIFIED,
    amount,
    declineCode,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}
