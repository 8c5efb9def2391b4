import type { PaymentReactionService } from "#gen/shop/payment/reactions/v1/payment_reactions_pb.ts";
import type { Database } from "#mesh/db";
import { PermanentError } from "#mesh/events";
import type { ReactionHandlers } from "#mesh/saga";
import type { PaymentProvider } from "./provider.ts";
import { findPayment, insertPayment, type PaymentRecord, saveDeclineCode } from "./repository.ts";

/** What the reactions need. */
export interface ReactionParts {
  readonly database: Database;
  readonly provider: PaymentProvider;
}

/** What the payment service does when others announce something, and what it asks of the provider. */
export function paymentReactions(parts: ReactionParts): ReactionHandlers<typeof PaymentReactionService> {
  const { provider } = parts;
  return {
    async onStockReserved({ orderId, userId, total, paymentMethod }, { tx }) {
      if (!total) throw new PermanentError(`StockReserved of order ${orderId} has no total`);
      const { currencyCode, units, nanos } = total;
      const amount = { currencyCode, units, nanos };
      await insertPayment(tx, { orderId, userId, amount, paymentMethod, declineCode: "" });
      return {};
    },

    async onOrderConfirmed() {
      return {};
    },

    async onOrderCancelled() {
      return {};
    },

    async authorise({ key: orderId }, call) {
      const { amount, paymentMethod } = await requirePayment(parts, orderId);
      const answer = await provider.authorise({ reference: orderId, amount, paymentMethod }, call);
      if (answer.verdict === "authorised") {
        return { result: { event: { case: "paymentAuthorised", value: { orderId } } } };
      }
      const declineCode = answer.verdict === "declined" ? answer.declineCode : "voided";
      return {
        result: { event: { case: "paymentDeclined", value: { orderId, declineCode } } },
        // A void of ours that overtook the authorisation is no refusal by the provider.
        record: answer.verdict === "declined" ? (tx) => saveDeclineCode(tx, orderId, declineCode) : undefined,
      };
    },

    async capture({ key: orderId }, call) {
      const { amount, userId } = await requirePayment(parts, orderId);
      await provider.capture(orderId, call);
      return { result: { event: { case: "paymentCaptured", value: { orderId, amount, userId } } } };
    },

    async void({ key: orderId }, call) {
      await provider.void(orderId, call);
      return { result: { event: { case: "paymentVoided", value: { orderId } } } };
    },
  };
}

async function requirePayment({ database }: ReactionParts, orderId: string): Promise<PaymentRecord> {
  const payment = await findPayment(database.orm, orderId);
  if (!payment) throw new Error(`there is no payment of order ${orderId}`);
  return payment;
}
