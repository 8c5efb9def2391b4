import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { readServiceConfig, readTrust } from "#mesh/config";
import {
  type ClientIdentity,
  certificateIdentity,
  createCertificateSlot,
  openDevelopmentAuthority,
  openGuest,
} from "#mesh/identity";
import { createMeshTransport } from "#mesh/rpc";
import { testAuthority } from "#mesh/testing";
import { identityService } from "../../services/platform/identity/service.ts";
import { readIdentitySettings } from "../../services/platform/identity/settings.ts";
import { signIn } from "./customer.ts";
import type { TestShop } from "./shop.ts";

/** Somebody who calls a service, and what a contract may know of them. */
export interface TestCaller {
  readonly identity: ClientIdentity | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Roles of the user on whose behalf the call comes; undefined where nobody is signed in. */
  readonly roles?: readonly string[];
  /** The service that calls, by its certificate. */
  readonly service?: string;
  /** Whether the access token must be refused. */
  readonly badToken?: boolean;
}

const trustDomain = "heddle.local";
const idOf = (service: string) => `spiffe://${trustDomain}/${service.replaceAll(".", "/")}`;

/** Every kind of caller of a shop, by name; `services` are those that have a certificate of the shop's authority. */
export async function allCallers(shop: TestShop, services: readonly string[]): Promise<Map<string, TestCaller>> {
  const guest = openGuest(readTrust(shop.environment));
  const [customer, admin] = ["customer", "admin"];
  const ada = (await signIn(shop.http, "ada@heddle.local", "heddle-demo")).token;
  const bob = await newUser(shop, "bob@heddle.local");
  const boss = (await signIn(shop.http, "admin@heddle.local", "heddle-admin")).token;
  const by = (token: string) => ({ authorization: `Bearer ${token}` });
  const callers = new Map<string, TestCaller>([
    ["anonymous", { identity: guest, headers: {} }],
    ["user", { identity: guest, headers: by(ada), roles: [customer] }],
    ["other user", { identity: guest, headers: by(bob), roles: [customer] }],
    ["admin", { identity: guest, headers: by(boss), roles: [admin] }],
    ["expired token", { identity: guest, headers: by(await expiredToken(shop)), badToken: true }],
    ["wrongly signed token", { identity: guest, headers: by(await forgedToken(boss)), badToken: true }],
  ]);
  const authority = await openDevelopmentAuthority(join(shop.dataFolder, "identity"));
  for (const service of services) {
    const identity = await identityOf(service, authority);
    callers.set(service, { identity, headers: {}, service });
    callers.set(`${service} for a user`, { identity, headers: by(ada), roles: [customer], service });
  }
  // What it says of itself does not count, only its certificate.
  const posing = await identityOf("shop.payment", authority, "shop.order");
  callers.set("shop.payment posing as shop.order", {
    identity: posing,
    headers: { "heddle-service": "shop.order" },
    service: "shop.payment",
  });
  using foreign = await testAuthority();
  const { authorities } = await authority.issue({ id: idOf("shop.order"), lifeMs: 60_000 });
  const slot = createCertificateSlot("a stranger");
  slot.replace({ own: (await foreign.issue(idOf("shop.order"))).own, authorities });
  const forged = certificateIdentity("shop.order", { trustDomain, certificates: slot });
  callers.set("shop.order by another authority", { identity: forged, headers: {} });
  return callers;
}

type Authority = Awaited<ReturnType<typeof openDevelopmentAuthority>>;

async function identityOf(certified: string, authority: Authority, name = certified): Promise<ClientIdentity> {
  const certificates = createCertificateSlot(name);
  certificates.replace(await authority.issue({ id: idOf(certified), lifeMs: 3_600_000 }));
  return certificateIdentity(name, { trustDomain, certificates });
}

async function newUser({ http }: TestShop, email: string): Promise<string> {
  const password = "another-password";
  const created = await http("POST /v1/users", { body: { email, password, displayName: "Bob" } });
  if (created.status !== 200) throw new Error(JSON.stringify(created.body));
  return (await signIn(http, email, password)).token;
}

/** A token of the shop's own, from another replica of its identity service whose tokens end before they begin. */
async function expiredToken({ environment }: TestShop): Promise<string> {
  const env = { ...environment, PLATFORM_IDENTITY_PORT: "0" };
  const settings = { ...readIdentitySettings(env), accessTokenMs: -60_000 };
  const replica = identityService(readServiceConfig(IdentityService, env), settings);
  await replica.start();
  try {
    const identity = openGuest(readTrust(env));
    const transport = createMeshTransport({ address: replica.address, server: "platform.identity", identity });
    const credentials = { email: "ada@heddle.local", password: "heddle-demo" };
    const { accessToken } = await createClient(IdentityService, transport).createSession(credentials);
    transport.close();
    return accessToken;
  } finally {
    await replica.stop();
  }
}

/** The same claims under the same key id, signed by somebody else. */
async function forgedToken(token: string): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA");
  const { alg = "EdDSA", ...header } = decodeProtectedHeader(token);
  return new SignJWT(decodeJwt(token)).setProtectedHeader({ ...header, alg }).sign(privateKey);
}
