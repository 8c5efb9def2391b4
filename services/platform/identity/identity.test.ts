import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { eq } from "drizzle-orm";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { UserCreatedSchema, UserDeletedSchema } from "#gen/platform/identity/v1/identity_events_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { createPasswords } from "./password.ts";
import { users } from "./schema.ts";
import { type TestService, testService } from "./service.fixture.ts";

const adminPassword = "heddle-admin";
let service: TestService;

beforeAll(async () => {
  service = await testService({ adminPassword, demoData: true });
});
afterAll(() => service[Symbol.asyncDispose]());

const nobody = () => service.client(IdentityService);
const password = "correct horse battery";
let count = 0;

/** Registers somebody new and signs in. */
async function register() {
  const email = `user${++count}@example.com`;
  await nobody().createUser({ email, password, displayName: `User ${count}` });
  return signIn(email, password);
}

async function signIn(email: string, secret: string) {
  const { user, accessToken, refreshToken, expireTime } = await nobody().createSession({ email, password: secret });
  const id = user?.id ?? "";
  return {
    id,
    email,
    user,
    accessToken,
    refreshToken,
    expireTime,
    client: service.client(IdentityService, accessToken),
  };
}

const admin = () => signIn("admin@heddle.local", adminPassword);

/** The code of a refusal, its reason and metadata. */
async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (fault: unknown) => ConnectError.from(fault),
  );
  const [info] = error?.findDetails(ErrorInfoSchema) ?? [];
  return { code: error?.code, reason: info?.reason, domain: info?.domain, metadata: info?.metadata };
}

const domain = "platform.identity";
const notYours = { code: Code.PermissionDenied, reason: "NOT_YOURS", domain, metadata: {} };
const sessionEnded = { code: Code.Unauthenticated, reason: "SESSION_ENDED", domain, metadata: {} };
const credentialsWrong = { code: Code.Unauthenticated, reason: "CREDENTIALS_WRONG", domain, metadata: {} };
const emailTaken = { code: Code.AlreadyExists, reason: "EMAIL_TAKEN", domain, metadata: {} };

describe("CreateUser", () => {
  test("registers a customer and announces it", async () => {
    const email = "Grace.Hopper@Example.COM";
    const { user } = await nobody().createUser({ email, password, displayName: "Grace" });
    expect(user).toMatchObject({ email: "grace.hopper@example.com", displayName: "Grace", roles: ["customer"] });
    expect(await service.announced()).toContainEqual(
      expect.objectContaining({ $typeName: UserCreatedSchema.typeName, userId: user?.id, displayName: "Grace" }),
    );
  });

  test("refuses a taken address, whatever its letter case, and announces nothing", async () => {
    const { email } = await register();
    const before = await service.announced();
    const again = nobody().createUser({ email: email.toUpperCase(), password, displayName: "Other" });
    expect(await refusal(again)).toEqual(emailTaken);
    expect(await service.announced()).toEqual(before);
  });

  test("of many registrations of one address at once exactly one succeeds", async () => {
    const init = { email: "race@example.com", password, displayName: "Racer" };
    const calls = await Promise.allSettled(Array.from({ length: 5 }, () => nobody().createUser(init)));
    expect(calls.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test.each([
    { email: "no address", password, displayName: "X" },
    { email: "x@example.com", password: "short", displayName: "X" },
    { email: "x@example.com", password, displayName: "" },
  ])("refuses %j", async (init) => {
    expect(await refusal(nobody().createUser(init))).toMatchObject({ code: Code.InvalidArgument });
  });
});

describe("CreateSession", () => {
  test("issues a token that plain jose verifies with the published keys", async () => {
    const { id, accessToken, expireTime } = await register();
    const { keys } = await service.client(JsonWebKeyService).listJsonWebKeys({});
    const rules = { issuer: "heddle", audience: "heddle", algorithms: ["EdDSA"] };
    const { payload } = await jwtVerify(accessToken, createLocalJWKSet({ keys }), rules);
    expect(payload).toMatchObject({ sub: id, roles: ["customer"] });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(15 * 60);
    expect(expireTime && timestampDate(expireTime).getTime()).toBe((payload.exp ?? 0) * 1000);
    expect(decodeProtectedHeader(accessToken)).toMatchObject({ alg: "EdDSA", kid: keys[0]?.kid });
    expect(keys[0]).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
  });

  test("does not tell a wrong address from a wrong password", async () => {
    const { email } = await register();
    expect(await refusal(nobody().createSession({ email, password: "wrong password" }))).toEqual(credentialsWrong);
    expect(await refusal(nobody().createSession({ email: "who@example.com", password }))).toEqual(credentialsWrong);
    expect(await refusal(nobody().createSession({ email: "not an address", password }))).toEqual(credentialsWrong);
  });

  test("takes the address in any letter case", async () => {
    const { id, email } = await register();
    expect((await signIn(email.toUpperCase(), password)).id).toBe(id);
  });

  test("replaces a hash of another cost, and only with the right password", async () => {
    const { id, email } = await register();
    const stored = eq(users.id, id);
    const cheapHash = await createPasswords({ logN: 4, blockSize: 8, parallelism: 1 }).hash(password);
    await service.orm.update(users).set({ passwordHash: cheapHash }).where(stored);
    const hash = async () => (await service.orm.select().from(users).where(stored))[0]?.passwordHash;

    await refusal(nobody().createSession({ email, password: "wrong password" }));
    expect(await hash()).toBe(cheapHash);
    await signIn(email, password);
    expect(await hash()).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
    expect((await signIn(email, password)).id).toBe(id);
  });
});

describe("RefreshSession", () => {
  test("trades a token for a new pair", async () => {
    const { id, refreshToken } = await register();
    const next = await nobody().refreshSession({ refreshToken });
    expect(next.user?.id).toBe(id);
    expect(next.refreshToken).not.toBe(refreshToken);
    expect(decodeJwt(next.accessToken).sub).toBe(id);
  });

  test("a used token ends the session", async () => {
    const { refreshToken } = await register();
    const next = await nobody().refreshSession({ refreshToken });
    expect(await refusal(nobody().refreshSession({ refreshToken }))).toEqual(sessionEnded);
    expect(await refusal(nobody().refreshSession({ refreshToken: next.refreshToken }))).toEqual(sessionEnded);
  });

  test("of two refreshes at once one gets tokens, and they continue nothing", async () => {
    const { refreshToken } = await register();
    const both = await Promise.allSettled([1, 2].map(() => nobody().refreshSession({ refreshToken })));
    const won = both.flatMap((call) => (call.status === "fulfilled" ? [call.value.refreshToken] : []));
    expect(won).toHaveLength(1);
    expect(await refusal(nobody().refreshSession({ refreshToken: won[0] ?? "" }))).toEqual(sessionEnded);
  });

  test("refuses what was never issued", async () => {
    expect(await refusal(nobody().refreshSession({ refreshToken: "made up" }))).toEqual(sessionEnded);
  });

  test("carries roles as they are now", async () => {
    const { id, refreshToken } = await register();
    const user = { id, roles: ["admin", "customer"] };
    await (await admin()).client.updateUser({ user, updateMask: { paths: ["roles"] } });
    const next = await nobody().refreshSession({ refreshToken });
    expect(decodeJwt(next.accessToken).roles).toEqual(["admin", "customer"]);
  });
});

describe("RevokeSession", () => {
  test("ends the session; an unknown token is no error", async () => {
    const { refreshToken } = await register();
    await nobody().revokeSession({ refreshToken });
    expect(await refusal(nobody().refreshSession({ refreshToken }))).toEqual(sessionEnded);
    await nobody().revokeSession({ refreshToken });
  });
});

describe("GetUser", () => {
  test('shows the caller, as "me" or by id, and everybody to an admin', async () => {
    const { id, user, client } = await register();
    expect((await client.getUser({ id: "me" })).user).toEqual(user);
    expect((await client.getUser({ id: id.toUpperCase() })).user).toEqual(user);
    expect((await (await admin()).client.getUser({ id })).user).toEqual(user);
  });

  test("refuses others, who need not exist, and nobody", async () => {
    const [one, other] = [await register(), await register()];
    expect(await refusal(one.client.getUser({ id: other.id }))).toEqual(notYours);
    expect(await refusal(one.client.getUser({ id: "01980000-0000-7000-8000-000000000000" }))).toEqual(notYours);
    expect(await refusal(nobody().getUser({ id: "me" }))).toMatchObject({ code: Code.Unauthenticated });
  });

  test("tells an admin that there is no such user", async () => {
    const id = "01980000-0000-7000-8000-000000000000";
    const expected = { code: Code.NotFound, reason: "USER_NOT_FOUND", domain, metadata: { user_id: id } };
    expect(await refusal((await admin()).client.getUser({ id }))).toEqual(expected);
  });
});

describe("UpdateUser", () => {
  test("changes what the mask names", async () => {
    const { user, client } = await register();
    const values = { id: "me", displayName: "New", email: "ignored@example.com" };
    const changed = await client.updateUser({ user: values, updateMask: { paths: ["display_name"] } });
    expect(changed.user).toMatchObject({ displayName: "New", email: user?.email, createTime: user?.createTime });
    expect((await client.getUser({ id: "me" })).user).toEqual(changed.user);
  });

  test("a new address signs in, the old one no more", async () => {
    const { id, email, client } = await register();
    await client.updateUser({ user: { id: "me", email: `New.${email}` } });
    expect((await signIn(`new.${email}`, password)).id).toBe(id);
    expect(await refusal(nobody().createSession({ email, password }))).toEqual(credentialsWrong);
  });

  test("refuses a taken address", async () => {
    const [one, other] = [await register(), await register()];
    expect(await refusal(one.client.updateUser({ user: { id: "me", email: other.email } }))).toEqual(emailTaken);
  });

  test("refuses roles from anybody but an admin, and fields that cannot change", async () => {
    const { client } = await register();
    const notUpdatable = (field: string) => ({
      ...{ code: Code.InvalidArgument, reason: "FIELD_NOT_UPDATABLE", domain },
      metadata: { field },
    });
    const user = { id: "me", roles: ["admin"] };
    expect(await refusal(client.updateUser({ user, updateMask: { paths: ["roles"] } }))).toEqual(notUpdatable("roles"));
    expect(await refusal(client.updateUser({ user }))).toEqual(notUpdatable("roles"));
    expect(await refusal(client.updateUser({ user, updateMask: { paths: ["create_time"] } }))).toEqual(
      notUpdatable("create_time"),
    );
  });

  test("refuses others, and a user who is gone", async () => {
    const [one, other] = [await register(), await register()];
    expect(await refusal(one.client.updateUser({ user: { id: other.id, displayName: "X" } }))).toEqual(notYours);
    await other.client.deleteUser({ id: "me" });
    expect(await refusal(other.client.updateUser({ user: { id: "me", displayName: "X" } }))).toMatchObject({
      reason: "USER_NOT_FOUND",
    });
  });
});

describe("DeleteUser", () => {
  test("removes the user with all sessions, and announces it once", async () => {
    const { id, email, refreshToken, client } = await register();
    const other = await signIn(email, password);
    await client.deleteUser({ id: "me" });
    expect(await refusal(client.deleteUser({ id: "me" }))).toMatchObject({ reason: "USER_NOT_FOUND" });
    expect(await refusal(nobody().refreshSession({ refreshToken }))).toEqual(sessionEnded);
    expect(await refusal(nobody().refreshSession({ refreshToken: other.refreshToken }))).toEqual(sessionEnded);
    expect(await refusal(nobody().createSession({ email, password }))).toEqual(credentialsWrong);
    const gone = (await service.announced()).filter(({ $typeName }) => $typeName === UserDeletedSchema.typeName);
    expect(gone.filter((event) => "userId" in event && event.userId === id)).toHaveLength(1);
  });

  test("is refused for others, except to an admin", async () => {
    const [one, other] = [await register(), await register()];
    expect(await refusal(one.client.deleteUser({ id: other.id }))).toEqual(notYours);
    await (await admin()).client.deleteUser({ id: other.id });
    expect(await refusal(other.client.getUser({ id: "me" }))).toMatchObject({ reason: "USER_NOT_FOUND" });
  });
});

describe("first users", () => {
  test("are created once, by however many replicas, and announced", async () => {
    await Promise.all([service.replica(), service.replica({ adminPassword: "another password", demoData: true })]);
    expect((await admin()).user?.roles).toEqual(["admin", "customer"]);
    expect((await signIn("ada@heddle.local", "heddle-demo")).user?.roles).toEqual(["customer"]);
    const names = (await service.announced()).flatMap((event) => ("displayName" in event ? [event.displayName] : []));
    expect(names.filter((name) => name === "Admin" || name === "Ada").sort()).toEqual(["Ada", "Admin"]);
  });

  test("are not created without being asked for", async () => {
    await using bare = await testService();
    const { createSession } = bare.client(IdentityService);
    for (const [email, secret] of [
      ["admin@heddle.local", adminPassword],
      ["ada@heddle.local", "heddle-demo"],
    ]) {
      expect(await refusal(createSession({ email, password: secret }))).toEqual(credentialsWrong);
    }
    expect(await bare.announced()).toEqual([]);
  });
});
