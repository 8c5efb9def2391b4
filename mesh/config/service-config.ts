import { type DescService, getOption } from "@bufbuild/protobuf";
import { z } from "zod";
import { server } from "#gen/heddle/v1/policy_pb.ts";
import { readTarget, targetForms } from "#mesh/discovery";
import { type FaultPlan, readFaultPlan } from "#mesh/fault";
import { registryUser } from "#mesh/nats";
import { readMeshSecret } from "./mesh-secret.ts";
import { ConfigurationError, readEnvironment } from "./read-environment.ts";
import { isLoopback, type Security, securityOf, securityVariables } from "./security.ts";
import { variable } from "./variable.ts";

/** What a service's process takes from its environment. Frozen. */
export interface ServiceConfig {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on; 0 takes a free one. */
  readonly port: number;
  /**
   * Server on which every service has its own database; the URL's own database is only used to create that one.
   * <SYSTEM>_<SERVICE>_POSTGRES_URL, where the service has a role of its own, else POSTGRES_URL.
   */
  readonly postgresUrl: string;
  /** Put before the names of databases, so that several meshes can share a server. */
  readonly databasePrefix: string;
  /** Connections to the database. */
  readonly poolSize: number;
  /** One server of the broker, or several with commas between. */
  readonly natsUrl: string;
  /** The same for the registry of services, where the process logs in as somebody else. */
  readonly registryUrl: string;
  /** Copies that the broker's cluster keeps of each stream: 1, 3 or 5. */
  readonly streamReplicas: number;
  /** Most bytes that a service's stream holds; a full one refuses events, which then wait in the outbox. */
  readonly streamMaxBytes: number;
  /** What the process says of itself in the registry. */
  readonly self: SelfDescription;
  /** How long an event may be with a replica that gives no sign of life before another gets it, in milliseconds. */
  readonly ackWaitMs: number;
  /** The secret that the replicas of a service share; at least 32 characters. */
  readonly meshSecret: string;
  /** By what this process and its neighbours know each other. */
  readonly security: Security;
  readonly logLevel: string;
  readonly logFormat: "json" | "pretty";
  /** Whether gRPC reflection is served. */
  readonly reflection: boolean;
  /** How the process is to fail on purpose; undefined, as always in production, where it is not to. */
  readonly faults?: FaultPlan | undefined;
  /** Who carries calls to neighbours: the mesh's own client channel, or the client of grpc-js. */
  readonly channel: "mesh" | "grpc-js";
  /** Port at which the process serves its metrics; 0 for none. */
  readonly metricsPort: number;
  /** Whether services of the same process call each other without a socket. */
  readonly localCalls: boolean;
  /** Whether rules of traffic may put faults into calls. */
  readonly trafficFaults: boolean;
  /**
   * Where a contract is served: <SYSTEM>_<SERVICE>_ADDRESS in one of the forms of readTarget(), else host:port with
   * this machine and the contract's default port. Throws a ConfigurationError when neither says one, and for another
   * machine where TLS is off.
   */
  addressOf(service: DescService): string;
  /** Name of the service whose process serves a contract, such as "shop.order" for all of its contracts. */
  serverOf(service: DescService): string;
}

/** What a process says of itself to those who call it. */
export interface SelfDescription {
  /** host or host:port under which others reach it; empty for the address it listens on. */
  readonly address: string;
  readonly version: string;
  readonly zone: string;
  readonly weight: number;
}

/** The variables that every service reads besides its own port and its neighbours' addresses. */
const common = {
  HEDDLE_HOST: variable.text("127.0.0.1").describe("address to listen on"),
  POSTGRES_URL: variable.url("postgres://heddle@127.0.0.1:54329/postgres").describe("server for the databases"),
  HEDDLE_DATABASE_PREFIX: z
    .string()
    .regex(/^[a-z0-9_]{0,30}$/, "may have lower-case letters, digits and _, at most 30")
    .prefault("")
    .describe("put before the names of databases"),
  HEDDLE_POOL_SIZE: variable.wholeNumber(10, { min: 1, max: 1_000 }).describe("connections to the database"),
  NATS_URL: variable
    .text("nats://127.0.0.1:42229")
    .refine((value) => value.split(",").every((url) => URL.canParse(url)), "must be a URL, or several with commas")
    .describe("the broker"),
  HEDDLE_STREAM_REPLICAS: variable.wholeNumber(1, { min: 1, max: 5 }).describe("copies of each stream in a cluster"),
  HEDDLE_STREAM_MAX_BYTES: variable
    .wholeNumber(256 * 1024 * 1024, { min: 1024 * 1024, max: 2 ** 40 })
    .describe("most bytes in the stream of one service"),
  HEDDLE_ADVERTISE: z
    .string()
    .regex(/^(([^\s:/]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?)?$/, "must have the form host or host:port")
    .prefault("")
    .describe("under which others reach the process; empty for where it listens"),
  HEDDLE_VERSION: variable.text("").describe("version of the software, as the registry shows it"),
  HEDDLE_ZONE: variable.text("").describe("where the process runs, such as a zone of the cloud"),
  HEDDLE_WEIGHT: variable.wholeNumber(100, { min: 1, max: 1000 }).describe("share of the calls next to others"),
  HEDDLE_ACK_WAIT: variable.durationMs(30_000).describe("when an event goes from a silent replica to another"),
  ...securityVariables,
  LOG_LEVEL: variable.oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"], "info"),
  LOG_FORMAT: variable.oneOf(["json", "pretty"], "json"),
  HEDDLE_FAULTS: variable
    .text("")
    .transform((text, context) => {
      try {
        return readFaultPlan(text);
      } catch (error) {
        context.addIssue(error instanceof RangeError ? error.message : String(error));
        return z.NEVER;
      }
    })
    .describe("where the process fails on purpose, for tests"),
  HEDDLE_CHANNEL: variable.oneOf(["mesh", "grpc-js"], "mesh").describe("who carries calls to neighbours"),
  HEDDLE_LOCAL_CALLS: variable
    .flag(true)
    .describe("whether services of the same process call each other without a socket"),
  HEDDLE_TRAFFIC_FAULTS: variable.flag(false).describe("whether rules of traffic may put faults into calls"),
  HEDDLE_METRICS_PORT: variable.port(0).describe("port for the metrics of the process; 0 for none"),
  HEDDLE_REFLECTION: variable.flag(true).describe("whether gRPC reflection is served"),
};

/**
 * Reads the configuration of the process that serves `main`. Its port is <SYSTEM>_<SERVICE>_PORT, else the default of
 * the contract. Throws a ConfigurationError that lists every fault.
 */
export function readServiceConfig(main: DescService, env: NodeJS.ProcessEnv = process.env): ServiceConfig {
  const portVariable = `${variablePrefix(main)}_PORT` as const;
  const postgresVariable = `${variablePrefix(main)}_POSTGRES_URL` as const;
  const passwordVariable = `${variablePrefix(main)}_NATS_PASSWORD` as const;
  const shape: typeof common &
    Record<typeof portVariable, z.ZodType<number>> &
    Record<typeof passwordVariable | typeof postgresVariable, z.ZodType<string | undefined>> = {
    ...common,
    [postgresVariable]: variable.url().optional().describe("the service's own role and database"),
    [passwordVariable]: z.string().optional().describe("password of the service at the broker"),
    [portVariable]: variable.port(defaultPort(main) ?? 0),
  };
  const read = readEnvironment(shape, env);
  const [service, password] = [serverOf(main, env), read[passwordVariable]];
  const faults = read.HEDDLE_FAULTS.rules.length > 0 ? read.HEDDLE_FAULTS : undefined;
  if (faults && env.NODE_ENV === "production") {
    throw new ConfigurationError(["HEDDLE_FAULTS is set, but NODE_ENV is production: unset one of them"]);
  }
  const security = securityOf(read);
  for (const name of ["HEDDLE_HOST", "HEDDLE_ADVERTISE"] as const) {
    if (security.kind !== "plaintext" || read[name] === "" || isLoopback(read[name])) continue;
    throw new ConfigurationError([`HEDDLE_TLS is off, but ${name} is ${read[name]}: ${ONLY_HERE}`]);
  }
  return Object.freeze({
    host: read.HEDDLE_HOST,
    port: read[portVariable] ?? 0,
    postgresUrl: read[postgresVariable] ?? read.POSTGRES_URL,
    databasePrefix: read.HEDDLE_DATABASE_PREFIX,
    poolSize: read.HEDDLE_POOL_SIZE,
    natsUrl: withLogin(read.NATS_URL, service, password),
    registryUrl: withLogin(read.NATS_URL, registryUser(service), password),
    streamReplicas: read.HEDDLE_STREAM_REPLICAS,
    streamMaxBytes: read.HEDDLE_STREAM_MAX_BYTES,
    self: Object.freeze({
      address: read.HEDDLE_ADVERTISE,
      version: read.HEDDLE_VERSION,
      zone: read.HEDDLE_ZONE,
      weight: read.HEDDLE_WEIGHT,
    }),
    ackWaitMs: read.HEDDLE_ACK_WAIT,
    meshSecret: read.HEDDLE_MESH_SECRET ?? readMeshSecret(read.HEDDLE_DATA),
    security,
    logLevel: read.LOG_LEVEL,
    logFormat: read.LOG_FORMAT,
    reflection: read.HEDDLE_REFLECTION,
    faults,
    channel: read.HEDDLE_CHANNEL,
    metricsPort: read.HEDDLE_METRICS_PORT,
    localCalls: read.HEDDLE_LOCAL_CALLS,
    trafficFaults: read.HEDDLE_TRAFFIC_FAULTS,
    addressOf: (service: DescService) => addressOf(service, env),
    serverOf: (service: DescService) => serverOf(service, env),
  });
}

/** The URL of the broker with the login of a user, where there is a password. */
export function withLogin(natsUrl: string, user: string, password: string | undefined): string {
  if (password === undefined) return natsUrl;
  const [first = "", ...others] = natsUrl.split(",");
  const url = new URL(first);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  return [url.href, ...others].join(",");
}

const ONLY_HERE = "plain text may not leave this machine, set an address such as 127.0.0.1";

/** The start of the variables of a contract's service: "SHOP_ORDER" for every contract below shop.order. */
export function variablePrefix(service: DescService): string {
  return service.file.proto.package.split(".").slice(0, 2).join("_").toUpperCase();
}

/** What ServiceConfig.addressOf says, for programs that are no service. Throws a ConfigurationError as it does. */
export function addressOf(service: DescService, env: NodeJS.ProcessEnv = process.env): string {
  const name = `${variablePrefix(service)}_ADDRESS`;
  const port = defaultPort(service);
  const address = variable
    .text(port === undefined ? undefined : `127.0.0.1:${port}`)
    .refine((value) => readTarget(value) !== undefined, `must be one of: ${targetForms}`)
    .describe(`where ${service.typeName} is served`);
  const read = readEnvironment({ HEDDLE_TLS: securityVariables.HEDDLE_TLS, [name]: address }, env);
  const found = String(read[name]);
  if (!read.HEDDLE_TLS && !staysHere(found)) {
    throw new ConfigurationError([`HEDDLE_TLS is off, but ${name} is ${found}: ${ONLY_HERE}`]);
  }
  return found;
}

/** Whether a target leads to this machine only. Who registers in plain text is on this machine, too. */
function staysHere(text: string): boolean {
  const target = readTarget(text);
  if (target?.kind === "static") return target.addresses.every(isLoopback);
  return target?.kind === "registry" || (target?.kind === "dns" && isLoopback(target.name));
}

/** What ServiceConfig.serverOf says, for programs that are no service. */
export function serverOf(service: DescService, env: NodeJS.ProcessEnv = process.env): string {
  const [system = "", name = ""] = service.file.proto.package.split(".");
  if (system !== "heddle") return `${system}.${name}`;
  // The mesh's own contracts are served by whom the system chooses.
  const variableName = `${variablePrefix(service)}_SERVICE` as const;
  const described = variable
    .text(DEFAULT_SERVERS[name])
    .describe(`name of the service that serves ${service.typeName}`);
  return readEnvironment({ [variableName]: described }, env)[variableName] ?? "";
}

const DEFAULT_SERVERS: Readonly<Record<string, string>> = { identity: "platform.identity" };

function defaultPort(service: DescService): number | undefined {
  return getOption(service, server).defaultPort || undefined;
}
