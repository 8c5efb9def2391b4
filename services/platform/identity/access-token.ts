import { SignJWT } from "jose";
import type { KeyRing } from "./key-ring.ts";
import type { User } from "./user.ts";

/** Issuer and audience of every access token of the mesh. */
const mesh = "heddle";

/** A token and its end. */
export interface AccessToken {
  readonly token: string;
  readonly expireTime: Date;
}

/** Issues a JWT (EdDSA) that says who the user is and which roles the user has, valid for `lifetimeMs`. */
export async function issueAccessToken(
  user: Pick<User, "id" | "roles">,
  keys: KeyRing,
  { now, lifetimeMs }: { now: Date; lifetimeMs: number },
): Promise<AccessToken> {
  const { kid, privateKey } = keys.signingKey();
  const issued = Math.floor(now.getTime() / 1000);
  const expires = issued + Math.ceil(lifetimeMs / 1000);
  const token = await new SignJWT({ roles: user.roles })
    .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid })
    .setSubject(user.id)
    .setIssuer(mesh)
    .setAudience(mesh)
    .setIssuedAt(issued)
    .setExpirationTime(expires)
    .sign(privateKey);
  return { token, expireTime: new Date(expires * 1000) };
}
