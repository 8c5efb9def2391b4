import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { uuidv7 } from "uuidv7";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { IdentityErrorReason } from "#gen/platform/identity/v1/identity_errors_pb.ts";
import { IdentityService, type UserSchema } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { Refusal } from "#mesh/refusal";
import { implement, type RpcService, requireUser } from "#mesh/rpc";
import type { StoredKey } from "./key-repository.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Passwords } from "./password.ts";
import type { SignedIn, SignIn } from "./sign-in.ts";
import { changeUser, createUser, customerRole, requireOwn, type User, userNotFound } from "./user.ts";
import type { UserRepository } from "./user-repository.ts";

/** What the handlers need. */
export interface IdentityParts {
  readonly users: UserRepository;
  readonly passwords: Passwords;
  readonly signIn: SignIn;
  readonly now: () => Date;
}

/** IdentityService: proto ⇄ domain. */
export function identityHandlers({ users, passwords, signIn, now }: IdentityParts): RpcService {
  return implement(IdentityService, {
    async createUser({ email, password, displayName }) {
      const user = createUser(uuidv7(), { email, displayName, roles: [customerRole] }, now());
      if (!(await users.create(user, await passwords.hash(password)))) {
        throw new Refusal(IdentityErrorReason.EMAIL_TAKEN);
      }
      return { user: toMessage(user) };
    },

    async getUser(request, context) {
      const id = requireOwn(requireUser(context), request.id);
      const user = await users.find(id);
      if (user === undefined) {
        throw userNotFound(id);
      }
      return { user: toMessage(user) };
    },

    async updateUser({ user: message, updateMask }, context) {
      const actor = requireUser(context);
      if (message === undefined) {
        throw new TypeError("user passed validation without a value");
      }
      const update = { actor, message, paths: updateMask?.paths ?? [] };
      const id = requireOwn(actor, message.id);
      return { user: toMessage(await users.update(id, (user) => changeUser(user, update, now()))) };
    },

    async deleteUser({ id }, context) {
      await users.delete(requireOwn(requireUser(context), id), now());
      return {};
    },

    createSession: async ({ email, password }) => toSession(await signIn.start(email, password)),

    refreshSession: async ({ refreshToken }) => toSession(await signIn.continue(refreshToken)),

    async revokeSession({ refreshToken }) {
      await signIn.end(refreshToken);
      return {};
    },
  });
}

/** JsonWebKeyService: the public halves of the key ring. */
export function keyHandlers(keys: KeyRing): RpcService {
  return implement(JsonWebKeyService, {
    listJsonWebKeys: async () => ({ keys: (await keys.publishedKeys()).map(toJsonWebKey) }),
  });
}

/** A published key in the form of RFC 8037. */
export function toJsonWebKey({ kid, publicKey }: StoredKey) {
  return { kty: "OKP", crv: "Ed25519", x: publicKey, kid, alg: "EdDSA", use: "sig" };
}

function toSession({ user, accessToken, refreshToken }: SignedIn) {
  return {
    accessToken: accessToken.token,
    refreshToken,
    expireTime: timestampFromDate(accessToken.expireTime),
    user: toMessage(user),
  };
}

function toMessage(user: User): MessageInitShape<typeof UserSchema> {
  return {
    id: user.id,
    email: user.email,
    displayName: user.displayName,
    roles: [...user.roles],
    createTime: timestampFromDate(user.createTime),
    updateTime: timestampFromDate(user.updateTime),
  };
}
