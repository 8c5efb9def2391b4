import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { PaymentErrorReason as Reason } from "#gen/shop/payment/v1/payment_errors_pb.ts";
import { type PaymentService, PaymentStatusSchema } from "#gen/shop/payment/v1/payment_service_pb.ts";
import type { Database } from "#mesh/db";
import { Refusal } from "#mesh/refusal";
import { type RpcHandlers, requireUser } from "#mesh/rpc";
import { stateValue } from "#mesh/saga";
import { maySee } from "./payment.ts";
import { findPayment, type PaymentRecord } from "./repository.ts";

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
    status: stateValue(PaymentStatusSchema, state),
    amount,
    declineCode,
    createTime: timestampFromDate(createdAt),
    updateTime: timestampFromDate(updatedAt),
  };
}
