import { createHash, randomBytes } from "node:crypto";

/** Makes a refresh token: 256 random bits, opaque to everyone. */
export function createRefreshToken(): string {
  return randomBytes(32).toString("base64url");
}

/** The form in which a refresh token is stored. Its 256 random bits need neither salt nor a slow hash. */
export function hashRefreshToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
