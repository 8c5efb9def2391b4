import {
  Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
  setLogger,
} from "@grpc/grpc-js";
import { variablePrefix } from "#mesh/config";
import type { Contract } from "#mesh/contract";
import type { ServiceIdentity } from "#mesh/identity";
import { StartError } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import { serverCredentials } from "./grpc-credentials.ts";
import { type ServedMethod, streamsRequests, streamsResponses } from "./served-method.ts";
import { ServerCall } from "./server-call.ts";

/** A listening grpc-js server. */
export interface GrpcServer {
  /** host:port to call. */
  readonly address: string;
  /** Stops listening, says GOAWAY, and waits for the calls in flight; those left after `timeoutMs` are cut off. */
  drain(timeoutMs: number): Promise<void>;
}

/** What a grpc-js server is made of. */
export interface GrpcServerOptions {
  readonly host: string;
  readonly port: number;
  readonly contract: Contract;
  /** Methods by path. */
  readonly methods: ReadonlyMap<string, ServedMethod>;
  readonly identity: ServiceIdentity;
  readonly log: Logger;
  /** Largest message that is received, and that is sent, in bytes. */
  readonly maxMessageBytes: number;
  readonly maxResponseBytes: number;
}

/** Listens. Throws a StartError when the port cannot be had. */
export async function bindGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { host, maxMessageBytes, maxResponseBytes } = options;
  logGrpc(options.log);
  const server = new Server({
    interceptors: [serveCalls(options.methods, maxResponseBytes)],
    "grpc.max_receive_message_length": maxMessageBytes,
    // Calls are counted by onCallEnd; channelz would count them all once more and keep a trace of every connection.
    "grpc.enable_channelz": 0,
  });
  server.addService(definitionOf(options.methods), {});
  const port = await bind(server, options);
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return { address: join(reachable, port), drain: (timeoutMs) => drain(server, join(host, port), timeoutMs) };
}

/** grpc-js has one logger for the process and writes to stderr by default. What it says of a port is in the StartError. */
function logGrpc(log: Logger): void {
  setLogger({
    error: (...parts: unknown[]) => {
      const line = parts.join(" ");
      if (!line.includes("No address added")) log.warn({ source: "grpc-js" }, line);
    },
  });
}

/** Takes every call over from grpc-js before its own handler starts. */
function serveCalls(methods: ReadonlyMap<string, ServedMethod>, maxResponseBytes: number): ServerInterceptor {
  class TakenCall extends ServerInterceptingCall {
    readonly #stream: ServerInterceptingCallInterface;
    readonly #served: ServedMethod | undefined;

    constructor(stream: ServerInterceptingCallInterface, served: ServedMethod | undefined) {
      super(stream);
      this.#stream = stream;
      this.#served = served;
    }

    override start(): void {
      if (this.#served) this.#stream.start(new ServerCall(this.#served, this.#stream, maxResponseBytes));
    }
  }
  return ({ path }, stream) => new TakenCall(stream, methods.get(path));
}

/** Messages stay bytes for grpc-js: they are read and written inside the interceptors, where faults are seen. */
function definitionOf(methods: ReadonlyMap<string, ServedMethod>): ServiceDefinition {
  const identity = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
  return Object.fromEntries(
    [...methods.values()].map(({ desc, path }) => [
      path,
      { path, requestStream: streamsRequests(desc), responseStream: streamsResponses(desc), ...codec },
    ]),
  );
}

function bind(server: Server, { host, port, contract, identity }: GrpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(join(host, port), serverCredentials(identity.tls), (error, bound) => {
      if (!error) return resolve(bound);
      const [main] = contract.services;
      const variable = main ? `${variablePrefix(main)}_PORT` : "its port";
      const mend = `Set ${variable} to a free port, or stop what listens there`;
      reject(new StartError(`${contract.name} cannot listen on ${join(host, port)}: ${error.message}. ${mend}.`));
    });
  });
}

/** Time for calls that were cut off to end, in milliseconds. */
const AFTER_DRAIN_MS = 250;

// Not forceShutdown: without channelz grpc-js does not know its sessions there. Its own drain ends them.
function drain(server: Server, address: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      server.forceShutdown();
      resolve();
    };
    // A connection over which nobody ever spoke HTTP/2 has no session that could be ended, and would be waited for.
    const timer = setTimeout(end, timeoutMs + AFTER_DRAIN_MS);
    server.drain(address, timeoutMs);
    server.tryShutdown(end);
  });
}

function join(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
