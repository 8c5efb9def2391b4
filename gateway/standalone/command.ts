import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { readEnvironment, variable } from "#mesh/config";
import { type Program, run, StartError } from "#mesh/process";
import { createLogger } from "#mesh/telemetry";
import { inProcesses } from "../processes.ts";
import type { StandaloneConfig } from "./config.ts";
import { readConfig, readConfigFile } from "./read-config.ts";
import { standalone } from "./standalone.ts";

/** What the command line says. */
interface CommandOptions {
  readonly config?: string;
  readonly descriptors?: readonly string[];
  readonly reflect?: true;
  readonly upstream?: string;
  readonly services?: readonly string[];
  readonly tls?: true;
  readonly ca?: string;
  readonly cors?: readonly string[];
  readonly host?: string;
  readonly port?: number;
  readonly metricsPort?: number;
  readonly workers?: number;
}

const examples = `
Examples:
  heddle gateway --descriptors image.binpb --upstream localhost:50051
  heddle gateway --reflect --upstream localhost:50051 --port 9000
  heddle gateway --config gateway.yaml --workers 4

An image is written by "buf build -o image.binpb", or by
"protoc --include_imports --include_source_info -o image.binpb *.proto".

Methods with google.api.http rules are served as REST; all methods are served by
Connect, gRPC-Web and gRPC under /package.Service/Method. The API is described at
/openapi.json and /docs, health at /healthz and /readyz.

Without auth in a configuration file every method is open to whoever can reach the
port. Tokens are passed on to the servers either way.

SIGHUP, or a change of the configuration, of an image or of a certificate, makes it
read everything again: requests from then on are served by the new contracts, those
under way end by the old ones. What cannot be served is logged, and the old stays.
SIGTERM and Ctrl-C let requests end first.

Environment: LOG_LEVEL (info), LOG_FORMAT (json or pretty), GATEWAY_WORKERS (1).
The configuration file and all of its settings: docs/gateway.md`;

const shape = {
  LOG_LEVEL: variable.oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"], "info"),
  LOG_FORMAT: variable.oneOf(["json", "pretty"], "json"),
  GATEWAY_WORKERS: variable.wholeNumber(1, { min: 1, max: 256 }).describe("processes behind the gateway's port"),
};

/** The command "gateway". `folder` is where relative paths count from. */
export function gatewayCommand(folder: string, env?: NodeJS.ProcessEnv): Command {
  const fromFile = ["descriptors", "reflect", "upstream", "services", "tls", "ca", "cors"];
  return new Command("gateway")
    .description("serves any gRPC server as REST, Connect, gRPC-Web and gRPC, without generated code")
    .option("--descriptors <files...>", "images of the server's contracts (FileDescriptorSet)")
    .option("--reflect", "ask the server for its contracts by gRPC reflection")
    .option("--upstream <address>", 'the server: "host:port", several with commas, or "dns:///host:port"')
    .option("--services <names...>", 'services to serve, such as "acme.users.v1.*"; default: all of the contracts')
    .option("--tls", "speak TLS with the server, trusting the usual authorities")
    .option("--ca <file>", "speak TLS with the server, trusting the authorities in this PEM file")
    .option("--cors <origins...>", 'origins whose pages may call, or "*"')
    .addOption(
      new Option("--config <file>", "configuration in YAML: several servers, rules, auth, limits").conflicts(fromFile),
    )
    .option("--host <address>", "address to listen on; default 127.0.0.1")
    .option("--port <port>", "port to listen on, 0 for a free one; default 8080", wholeNumber)
    .option("--metrics-port <port>", "port for metrics in the format of Prometheus; default: none", wholeNumber)
    .option("--workers <n>", "processes behind the port", workerCount)
    .addHelpText("after", examples)
    .action((options: CommandOptions) => run(() => program(options, { folder, env })));
}

interface Surroundings {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv | undefined;
}

function program(options: CommandOptions, { folder, env }: Surroundings): Program {
  const read = readEnvironment(shape, env);
  const setup = () => configOf(options, folder);
  const { listen, metricsPort } = setup();
  const [logLevel, logFormat] = [read.LOG_LEVEL, read.LOG_FORMAT];
  const log = createLogger({ name: "gateway", level: logLevel, format: logFormat });
  const workers = options.workers ?? read.GATEWAY_WORKERS;
  const processes = { ...listen, workers, metricsPort, logLevel, logFormat, passHangup: true };
  return inProcesses(processes, () => standalone({ readConfig: setup, log }));
}

/** The configuration of the file, or of the command line alone, with what the command line says about listening. */
function configOf(options: CommandOptions, folder: string): StandaloneConfig {
  const config =
    options.config === undefined ? fromOptions(options, folder) : readConfigFile(resolve(folder, options.config));
  const { host = config.listen.host, port = config.listen.port, metricsPort = config.metricsPort } = options;
  return { ...config, listen: { ...config.listen, host, port }, metricsPort };
}

function fromOptions(options: CommandOptions, folder: string): StandaloneConfig {
  const { upstream: address, descriptors, reflect, services, tls, ca, cors } = options;
  if (address === undefined)
    throw new StartError('Say which server: --upstream host:port, or --config file (see "--help").');
  if ((descriptors === undefined) === (reflect === undefined)) {
    throw new StartError(
      'Say where its contracts are from: either --descriptors image.binpb, or --reflect (see "--help").',
    );
  }
  const upstream = { address, descriptors, reflect, services, tls: ca === undefined ? tls : { ca } };
  const values = { upstreams: { upstream: defined(upstream) }, ...(cors && { cors: { origins: cors } }) };
  return readConfig(values, { origin: "The command line", folder });
}

function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function wholeNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("write a port from 0 to 65535");
}

function workerCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 256) return count;
  throw new InvalidArgumentError("write a whole number from 1 to 256");
}
