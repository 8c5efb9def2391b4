import { OrderErrorReason } from "#gen/shop/order/v1/order_errors_pb.ts";
import { Refusal } from "#mesh/refusal";

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Makes the token of the page that follows an order in the list of one user's orders, or of everyone's (undefined). */
export function formatPageToken(userId: string | undefined, lastId: string): string {
  return Buffer.from(JSON.stringify([userId ?? null, lastId])).toString("base64url");
}

/**
 * Reads a token: the id of the last order of the page before, undefined for the first page.
 * Throws `Refusal` PAGE_TOKEN_INVALID for a token of another list or of no list at all.
 */
export function parsePageToken(userId: string | undefined, token: string): string | undefined {
  if (token === "") return undefined;
  const lastId = /,"([^"]+)"\]$/.exec(Buffer.from(token, "base64url").toString("utf8"))?.[1];
  // Whatever reads as a token has to be written the same way for this list.
  if (!lastId || !idPattern.test(lastId) || formatPageToken(userId, lastId) !== token) {
    throw new Refusal(OrderErrorReason.PAGE_TOKEN_INVALID);
  }
  return lastId;
}
