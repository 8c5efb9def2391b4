/** What the processes of the benchmark are told at their start: one argument, as JSON. */
import {
  type AccessTokenVerifier,
  accessTokenVerifier,
  type Certificates,
  certificateIdentity,
  createCertificateSlot,
  type ServiceIdentity,
  secretIdentity,
} from "#mesh/identity";

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
  /** Both sides show certificates and speak TLS. Left out: plain text. */
  readonly certificates?: { readonly server: Certificates; readonly client: Certificates } | undefined;
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

const TRUST_DOMAIN = "heddle.local";
/** The service that the benchmark calls, and the one that calls it. */
const [called, calling] = ["shop.order", "shop.cart"];

/** How a mesh server knows users and services. */
export function serverSide({ publicKey, ...shared }: SharedSettings): {
  readonly tokens: AccessTokenVerifier;
  readonly identity: ServiceIdentity;
} {
  const keys = { keys: [JSON.parse(publicKey)] };
  return {
    tokens: accessTokenVerifier({ keys: () => Promise.resolve(keys) }),
    identity: identityOf(called, shared, shared.certificates?.server),
  };
}

/** Whom a mesh client shows itself as, and whom it expects. */
export function clientSide(shared: Pick<SharedSettings, "secret" | "certificates">): {
  readonly identity: ServiceIdentity;
  readonly server: string | undefined;
} {
  const { certificates } = shared;
  return { identity: identityOf(calling, shared, certificates?.client), server: certificates && called };
}

function identityOf(
  name: string,
  { secret }: Pick<SharedSettings, "secret">,
  certificates: Certificates | undefined,
): ServiceIdentity {
  if (!certificates) return secretIdentity(name, secret);
  const slot = createCertificateSlot(name);
  slot.replace(certificates);
  return certificateIdentity(name, { trustDomain: TRUST_DOMAIN, certificates: slot });
}
