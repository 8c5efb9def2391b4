import { IdentityErrorReason } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { Refusal } from "#mesh/refusal";

/** What is stored about a refresh token. */
export interface StoredToken {
  readonly expireTime: Date;
  /** When it was traded for the next one. */
  readonly useTime: Date | null;
}

/**
 * What becomes of the session whose refresh token is presented:
 * - "rotate": the token is good, and is traded for the next one;
 * - "revoke": it was used before, so one of its two holders is a thief, and the session ends for both
 *   (RFC 9700, section 4.14.2). Two refreshes at once are no exception: they cannot be told from theft;
 * - "expired": nothing happens any more.
 */
export function judgeRefresh(token: StoredToken, now: Date): "rotate" | "revoke" | "expired" {
  if (token.useTime !== null) {
    return "revoke";
  }
  return token.expireTime <= now ? "expired" : "rotate";
}

/** The refusal for a refresh token that continues nothing. */
export function sessionEnded(): Refusal {
  return new Refusal(IdentityErrorReason.SESSION_ENDED);
}

/** The refusal for a wrong address or password. */
export function credentialsWrong(): Refusal {
  return new Refusal(IdentityErrorReason.CREDENTIALS_WRONG);
}
