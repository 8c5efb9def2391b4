import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import {
  ConfigurationError,
  readEnvironment,
  readServiceConfig,
  type ServiceConfig,
  variable,
  withLogin,
} from "#mesh/config";
import { registryUser } from "#mesh/nats";
import { type GuardConfig, readGuardConfig } from "./guard/guard-config.ts";
import { type ClientLimits, clientLimits, clientVariables } from "./http/client-limits.ts";
import type { ServerCertificateFiles } from "./http/server-certificate.ts";
import { type RestConfig, restConfig, restVariables } from "./rest/rest-config.ts";
import { type MetadataNames, usualMetadata } from "./upstream/metadata-rules.ts";

/** Times of streams, in milliseconds. */
export interface StreamLimits {
  /** When a stream whose first message is not there opens without it. */
  readonly openAfterMs: number;
  /** How often a silence is broken by a sign of life; 0 for never. */
  readonly heartbeatMs: number;
  /** How long a stream may carry no message before it is ended; 0 for ever. */
  readonly idleTimeoutMs: number;
}

/** What the gateway's process takes from its environment. Frozen. */
export interface GatewayConfig extends Pick<ServiceConfig, CommonSetting> {
  /** Port to listen on; 0 takes a free one. */
  readonly port: number;
  /** Processes behind the port, where the gateway is a process of its own. */
  readonly workers: number;
  /** Certificate and key of the port; without them it speaks in plaintext. */
  readonly tls?: ServerCertificateFiles | undefined;
  /** Whether gRPC clients may ask for descriptors. Default true. */
  readonly reflection?: boolean;
  /** Which metadata passes. Default: usualMetadata. */
  readonly metadata?: MetadataNames;
  /** Origins whose pages may call, "*" for all. */
  readonly corsOrigins: readonly string[];
  /** Largest request body or message, in bytes. */
  readonly maxBodyBytes: number;
  readonly clients: ClientLimits;
  /** Whether /openapi.json, /openapi.yaml and /docs are there. */
  readonly docs: boolean;
  readonly guard: GuardConfig;
  /** How long requests are still taken when stopping, while /readyz says so, in milliseconds. */
  readonly drainDelayMs: number;
  /** How long requests may still run after that, in milliseconds. */
  readonly drainTimeoutMs: number;
  readonly streams: StreamLimits;
  readonly rest: RestConfig;
}

/** What the gateway reads as every service does. */
type CommonSetting =
  | ("host" | "security" | "logLevel" | "logFormat")
  | (
      | "metricsPort"
      | "channel"
      | "localCalls"
      | "trafficFaults"
      | "registryUrl"
      | "streamReplicas"
      | "self"
      | "addressOf"
      | "serverOf"
    );

const origin = /^(?:\*|https?:\/\/[^\s/,]+)$/;

const shape = {
  GATEWAY_PORT: variable.port(8080).describe("port of the gateway"),
  GATEWAY_WORKERS: variable.wholeNumber(1, { min: 1, max: 256 }).describe("processes behind the gateway's port"),
  GATEWAY_NATS_PASSWORD: variable.text("").describe("password of the gateway at the broker"),
  GATEWAY_TLS_CERT: variable.text("").describe("file with the port's certificate and its chain, in PEM"),
  GATEWAY_TLS_KEY: variable.text("").describe("file with the certificate's key, in PEM"),
  GATEWAY_REFLECTION: variable.flag(true).describe("whether gRPC clients may ask for descriptors"),
  GATEWAY_FORWARD_HEADERS: variable
    .text(usualMetadata.forwardHeaders.join(","))
    .refine(isNameList, 'must be header names such as "accept-language,x-app-*"')
    .describe("request headers that services see, with commas between"),
  GATEWAY_SHOW_METADATA: variable
    .text(usualMetadata.showMetadata.join(","))
    .refine(isNameList, 'must be metadata names such as "etag,x-app-*", or "*"')
    .describe("metadata of services that clients see, with commas between"),
  GATEWAY_CORS_ORIGINS: variable
    .text("")
    .refine(
      (value) => listOf(value).every((each) => origin.test(each)),
      'must be origins such as "https://shop.example"',
    )
    .describe('origins whose pages may call, with commas between, or "*"'),
  GATEWAY_MAX_BODY_BYTES: variable
    .wholeNumber(4 * 1024 * 1024, { min: 1_024, max: 1024 * 1024 * 1024 })
    .describe("largest request body in bytes"),
  GATEWAY_DOCS: variable.flag(true).describe("whether /openapi.json, /openapi.yaml and /docs are there"),
  GATEWAY_DRAIN_DELAY: variable.durationMs(0).describe("how long requests are still taken when stopping"),
  GATEWAY_DRAIN_TIMEOUT: variable.durationMs(10_000).describe("how long requests may still run when stopping"),
  GATEWAY_STREAM_OPEN_AFTER: variable.durationMs(1_000).describe("when a stream opens without its first message"),
  GATEWAY_STREAM_HEARTBEAT: variable.durationMs(15_000).describe("how often a silent stream gives a sign of life"),
  GATEWAY_STREAM_IDLE_TIMEOUT: variable.durationMs(300_000).describe("how long a stream may carry no message"),
  ...clientVariables,
  ...restVariables,
};

/** Reads the gateway's configuration. Throws a ConfigurationError that lists every fault. */
export function readGatewayConfig(env?: NodeJS.ProcessEnv): GatewayConfig {
  const read = readEnvironment(shape, env);
  // What all processes of a mesh read alike comes from where they read it.
  const { host, security, logLevel, logFormat, ...calls } = readServiceConfig(IdentityService, env);
  const { channel, localCalls, trafficFaults, streamReplicas, self, addressOf, serverOf, metricsPort } = calls;
  if (read.GATEWAY_MAX_HELD_BYTES < read.GATEWAY_MAX_BODY_BYTES) {
    throw new ConfigurationError(["GATEWAY_MAX_HELD_BYTES must not be less than GATEWAY_MAX_BODY_BYTES"]);
  }
  const password = read.GATEWAY_NATS_PASSWORD;
  const registryUrl = password ? withLogin(calls.natsUrl, registryUser("gateway"), password) : calls.registryUrl;
  return Object.freeze({
    ...{ host, security, logLevel, logFormat, channel, localCalls, trafficFaults, registryUrl, streamReplicas, self },
    ...{ addressOf, serverOf, metricsPort },
    port: read.GATEWAY_PORT,
    workers: read.GATEWAY_WORKERS,
    tls: tlsOf(read.GATEWAY_TLS_CERT, read.GATEWAY_TLS_KEY),
    reflection: read.GATEWAY_REFLECTION,
    metadata: {
      forwardHeaders: listOf(read.GATEWAY_FORWARD_HEADERS),
      showMetadata: listOf(read.GATEWAY_SHOW_METADATA),
    },
    corsOrigins: listOf(read.GATEWAY_CORS_ORIGINS),
    maxBodyBytes: read.GATEWAY_MAX_BODY_BYTES,
    clients: clientLimits(read),
    docs: read.GATEWAY_DOCS,
    guard: readGuardConfig(calls, env),
    drainDelayMs: read.GATEWAY_DRAIN_DELAY,
    drainTimeoutMs: read.GATEWAY_DRAIN_TIMEOUT,
    streams: {
      openAfterMs: read.GATEWAY_STREAM_OPEN_AFTER,
      heartbeatMs: read.GATEWAY_STREAM_HEARTBEAT,
      idleTimeoutMs: read.GATEWAY_STREAM_IDLE_TIMEOUT,
    },
    rest: restConfig(read),
  });
}

function tlsOf(certificate: string, key: string): ServerCertificateFiles | undefined {
  if (certificate === "" && key === "") return undefined;
  if (certificate !== "" && key !== "") return { certificate, key };
  const missing = key === "" ? "GATEWAY_TLS_KEY" : "GATEWAY_TLS_CERT";
  throw new ConfigurationError([`${missing}: TLS needs both GATEWAY_TLS_CERT and GATEWAY_TLS_KEY`]);
}

function isNameList(text: string): boolean {
  return listOf(text).every((name) => /^[\w.-]*\*?$/.test(name));
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
