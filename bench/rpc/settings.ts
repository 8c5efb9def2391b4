/** What the processes of the benchmark are told at their start: one argument, as JSON. */
import { type AccessTokenVerifier, accessTokenVerifier, type SecretIdentity, secretIdentity } from "#mesh/identity";

/** What both sides must agree on. */
export interface SharedSettings {
  /** Public key of the users' tokens, a JWK as JSON. */
  readonly publicKey: string;
  /** What service tokens are signed with. */
  readonly secret: string;
  /** Header of the user in whose name is called. */
  readonly authorization: string;
  /** Folder with the packages of the peers; empty without them. */
  readonly peers: string;
}

/** Ways to serve the contract. */
export type ServerKind = "mesh" | "bare" | "nest" | "moleculer";

/** What a server is told. */
export interface ServerSettings extends SharedSettings {
  readonly kind: ServerKind;
  /** It then works on one call at a time, so long on each, in milliseconds. 0: as fast as it can. */
  readonly slowMs: number;
}

/** Ways to call it. */
export type ClientKind = "bare" | "mesh" | "grpc-js" | "target" | "local" | "nest" | "moleculer";

/** What a client is told. */
export interface ClientSettings extends SharedSettings {
  readonly kind: ClientKind;
  /** Of several, separated by commas, the target client balances; "local" needs none. */
  readonly address: string;
  /** Takes turns instead of following the contract, which says least requests. */
  readonly roundRobin?: boolean;
}

/** Reads what a process of the benchmark was told. */
export function readSettings<T extends SharedSettings>(): T {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** How a mesh server knows users and services: the one place where TLS would be added for all mesh servers. */
export function serverSide({ publicKey, secret }: SharedSettings): {
  readonly tokens: AccessTokenVerifier;
  readonly identity: SecretIdentity;
} {
  const keys = { keys: [JSON.parse(publicKey)] };
  return {
    tokens: accessTokenVerifier({ keys: () => Promise.resolve(keys) }),
    identity: secretIdentity("shop.order", secret),
  };
}

/** Whom a mesh client shows itself as: the one place where TLS would be added for all mesh clients. */
export function clientSide({ secret }: Pick<SharedSettings, "secret">): {
  readonly identity: SecretIdentity;
} {
  return { identity: secretIdentity("shop.cart", secret) };
}
