import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { readTarget } from "#mesh/discovery";
import { defaultGuard } from "../guard/guard-config.ts";
import { SetupError, type StandaloneConfig, type UpstreamConfig } from "./config.ts";
import { faultsOf, lineOf } from "./config-faults.ts";
import { type ConfigValues, configShape } from "./config-shape.ts";

/** Reads a configuration file in YAML. Paths in it count from its folder. Throws a SetupError that lists every fault. */
export function readConfigFile(path: string): StandaloneConfig {
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines });
  const wrong = document.errors.map(({ message }) => message);
  if (wrong.length > 0) throw new SetupError(path, wrong);
  const place = (at: readonly PropertyKey[]) => `line ${lineOf(document, at, lines)}: `;
  return readConfig(document.toJS() ?? {}, { origin: path, folder: dirname(path), files: [path], place });
}

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Names it in messages. */
  readonly origin: string;
  /** From which relative paths count. */
  readonly folder: string;
  /** The files that it was read from. */
  readonly files?: readonly string[];
  /** Put before a fault: where what is at a path is written. */
  readonly place?: (path: readonly PropertyKey[]) => string;
}

/** Checks a configuration, given in the form of the file. Throws a SetupError that lists every fault. */
export function readConfig(values: unknown, source: ConfigSource): StandaloneConfig {
  const { origin, place = () => "" } = source;
  const read = configShape.safeParse(values);
  if (!read.success) {
    const faults = read.error.issues.flatMap(faultsOf);
    throw new SetupError(
      origin,
      faults.map(({ path, message }) => `${place(path)}${pathText(path)}${message}`),
    );
  }
  const faults = contradictions(read.data);
  if (faults.length > 0) throw new SetupError(origin, faults);
  return configOf(read.data, source);
}

/** What no part of the file shows by itself. */
function contradictions({ upstreams, registry }: ConfigValues): string[] {
  const all = Object.entries(upstreams);
  const shared = [...Map.groupBy(all, ([, { address }]) => address)].filter(([, users]) => users.length > 1);
  const unregistered = all.filter(([, { address }]) => readTarget(address)?.kind === "registry" && !registry);
  return [
    ...shared.map(
      ([address, users]) => `upstreams ${users.map(([name]) => name).join(" and ")} are both ${address}: make them one`,
    ),
    ...unregistered.map(([name]) => `upstreams.${name}.address: mesh:/// needs "registry: {nats: nats://host:port}"`),
  ];
}

function configOf(values: ConfigValues, { folder, files = [] }: ConfigSource): StandaloneConfig {
  const { listen, http, cors, auth, limits, streams, docs, stop, metrics, registry } = values;
  const absolute = (path: string) => resolve(folder, path);
  const upstreams = Object.entries(values.upstreams).map((entry) => upstreamOf(entry, absolute));
  const certificate = listen.tls && { certificate: absolute(listen.tls.cert), key: absolute(listen.tls.key) };
  return Object.freeze({
    listen: { ...listen, tls: certificate },
    upstreams,
    rules: http.rules,
    corsOrigins: cors.origins,
    auth: auth && {
      ...{ jwksUrl: auth.jwks, issuer: auth.issuer, audiences: auth.audience },
      ...{ rolesClaim: auth.roles_claim, open: auth.public },
    },
    limits: {
      ...{ maxBodyBytes: limits.max_body_bytes, deadlineMs: limits.deadline },
      ...{ streamDeadlineMs: limits.stream_deadline, reflectionMs: limits.reflection },
    },
    clients: {
      ...{ headTimeoutMs: limits.head_timeout, bodyTimeoutMs: limits.body_timeout },
      ...{ stallTimeoutMs: limits.stall_timeout, maxHeldBytes: limits.max_held_bytes },
      maxUploadBytes: limits.max_upload_bytes,
    },
    guard: {
      ...defaultGuard,
      ...{ maxConcurrent: limits.max_concurrent, clientShare: limits.client_share },
      proxies: { count: limits.trusted_proxies, header: limits.forwarded_header },
      cors: { headers: cors.headers, privateNetwork: cors.private_network },
    },
    streams: {
      ...{ openAfterMs: streams.open_after, heartbeatMs: streams.heartbeat, idleTimeoutMs: streams.idle_timeout },
    },
    docs: typeof docs === "object" ? docs : docs ? { title: "API" } : undefined,
    stop: { drainDelayMs: stop.delay, drainTimeoutMs: stop.timeout },
    metricsPort: metrics.port,
    registryUrl: registry?.nats,
    files: [...files, ...upstreams.flatMap(filesOf)],
  });
}

function upstreamOf(
  [name, { address, descriptors, services, tls }]: [string, ConfigValues["upstreams"][string]],
  absolute: (path: string) => string,
): UpstreamConfig {
  return {
    ...{ name, address, descriptors: descriptors?.map(absolute), selectors: services },
    tls: tls && {
      ca: tls.ca && absolute(tls.ca),
      client: tls.cert && tls.key ? { cert: absolute(tls.cert), key: absolute(tls.key) } : undefined,
      serverName: tls.server_name,
    },
  };
}

function filesOf({ descriptors = [], tls }: UpstreamConfig): string[] {
  return [...descriptors, tls?.ca, tls?.client?.cert, tls?.client?.key].filter((path) => path !== undefined);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (fault) {
    throw new SetupError(path, [`it cannot be read: ${fault instanceof Error ? fault.message : fault}`]);
  }
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "";
  const steps = path.map((step, at) =>
    typeof step === "number" ? `[${step}]` : `${at > 0 ? "." : ""}${String(step)}`,
  );
  return `${steps.join("")}: `;
}
