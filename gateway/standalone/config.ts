import type { HttpRule } from "#gen/google/api/http_pb.ts";
import { StartError } from "#mesh/process";
import type { StreamLimits } from "../config.ts";
import type { GuardConfig } from "../guard/guard-config.ts";
import type { ClientLimits } from "../http/client-limits.ts";
import type { ServerCertificateFiles } from "../http/server-certificate.ts";

/** How a gateway in front of servers of others is set up. Frozen. */
export interface StandaloneConfig {
  readonly listen: ListenConfig;
  readonly upstreams: readonly UpstreamConfig[];
  /** Rules that stand in for the annotations of the methods that they select; the last one that selects a method wins. */
  readonly rules: readonly HttpRule[];
  /** Origins whose pages may call, "*" for all. */
  readonly corsOrigins: readonly string[];
  /** Undefined: nobody has to sign in. */
  readonly auth: AuthConfig | undefined;
  readonly limits: LimitsConfig;
  readonly clients: ClientLimits;
  readonly guard: GuardConfig;
  readonly streams: StreamLimits;
  /** Of the description of the API at /openapi.json and /docs; undefined: it is not there. */
  readonly docs: { readonly title: string } | undefined;
  readonly stop: StopConfig;
  /** Port for metrics; 0 for none. */
  readonly metricsPort: number;
  /** The broker in which services of a Heddle mesh register; undefined for none. */
  readonly registryUrl: string | undefined;
  /** Files whose content the setup depends on. */
  readonly files: readonly string[];
}

/** Where the gateway listens. */
export interface ListenConfig {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Undefined: plain text. */
  readonly tls: ServerCertificateFiles | undefined;
}

/** A server, or several alike, and its contracts. */
export interface UpstreamConfig {
  /** Names it in messages and logs. */
  readonly name: string;
  /** In one of the forms of readTarget(). */
  readonly address: string;
  /** Paths of images; undefined: the server is asked by reflection. */
  readonly descriptors: readonly string[] | undefined;
  /** Selectors of the services to serve. Undefined: all but those of the server's own affairs. */
  readonly selectors: readonly string[] | undefined;
  /** Undefined: plain text. */
  readonly tls: TlsConfig | undefined;
}

/** TLS to a server. Paths of PEM files. */
export interface TlsConfig {
  /** Authorities that are trusted. Undefined: those that Node brings along. */
  readonly ca: string | undefined;
  /** The certificate to show, with its key. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  /** Name in the server's certificate. Undefined: the host of its address. */
  readonly serverName: string | undefined;
}

/** Whose tokens are good. */
export interface AuthConfig {
  /** URL of a JSON Web Key Set (RFC 7517); undefined: what the issuer's OpenID configuration names. */
  readonly jwksUrl: string | undefined;
  /** Claim "iss". Undefined: not looked at. */
  readonly issuer: string | undefined;
  /** Claim "aud": one of these. */
  readonly audiences: readonly string[];
  /** Where the roles of a user are in the token, such as "realm_access.roles". */
  readonly rolesClaim: string;
  /** Selectors of methods that need no token. */
  readonly open: readonly string[];
}

/** What one request may take. Times are in milliseconds. */
export interface LimitsConfig {
  /** Largest request body or message, in bytes. */
  readonly maxBodyBytes: number;
  readonly deadlineMs: number;
  /** For methods with a stream; Infinity for no limit. */
  readonly streamDeadlineMs: number;
  /** How long a server may take to answer reflection at the start. */
  readonly reflectionMs: number;
}

/** How the gateway stops, in milliseconds. */
export interface StopConfig {
  /** How long requests are still taken, while /readyz says that it stops. */
  readonly drainDelayMs: number;
  /** How long requests may still run after that. */
  readonly drainTimeoutMs: number;
}

/** A setup that cannot be used. The message lists every fault with its path. */
export class SetupError extends StartError {
  override readonly name: string = "SetupError";
  readonly faults: readonly string[];

  constructor(origin: string, faults: readonly string[]) {
    super(`${origin} is not right:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.faults = faults;
  }
}
