import type { DescMethod } from "@bufbuild/protobuf";
import type { Contract } from "#mesh/contract";
import type { AccessTokenVerifier, ServiceIdentity } from "#mesh/identity";
import type { Part } from "#mesh/process";
import type { Logger } from "#mesh/telemetry";
import type { CallMeter, CallRecord } from "./call-record.ts";
import { type EventLoopLag, watchEventLoop } from "./event-loop-lag.ts";
import { bindGrpcServer, type GrpcServer } from "./grpc-server.ts";
import type { RpcService } from "./handler.ts";
import { createHealth } from "./health.ts";
import { admit } from "./interceptors/admission.ts";
import { authenticate } from "./interceptors/authentication.ts";
import { authorise } from "./interceptors/authorisation.ts";
import { limitTime } from "./interceptors/deadline.ts";
import { mapErrors } from "./interceptors/errors.ts";
import { logCalls } from "./interceptors/log.ts";
import { traceCalls } from "./interceptors/trace.ts";
import { type OpenedLocalServer, openLocalServer } from "./local-server.ts";
import { tableOfContract, tableOfOpenServices } from "./method-table.ts";
import { requestReaders } from "./read-request.ts";
import { createReflection } from "./reflection.ts";
import { runHandler } from "./run-handler.ts";
import { compose, type Interceptor, type Step } from "./step.ts";

/** What a server serves, and how. */
export interface RpcServerOptions {
  /** Address to listen on, such as "127.0.0.1" or "::". */
  readonly host: string;
  /** Port to listen on; 0 takes a free one. */
  readonly port: number;
  readonly contract: Contract;
  /** The handlers of every service of the contract. */
  readonly services: readonly RpcService[];
  readonly tokens: AccessTokenVerifier;
  readonly identity: ServiceIdentity;
  readonly log: Logger;
  /** Whether reflection is served. Default true. */
  readonly reflection?: boolean;
  /** Whether services of the same process may call without a socket. Default false. */
  readonly local?: boolean;
  /** Told about each call that has ended. */
  readonly onCallEnd?: (record: CallRecord) => void;
  /** Makes what counts the calls of a method. Called once for each method at start. */
  readonly meterOf?: (method: DescMethod) => CallMeter;
  /** How long calls in flight may take to finish once the server stops, in milliseconds. Default 10 s. */
  readonly drainTimeoutMs?: number;
  /** Largest message that is received, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number;
  /** Largest message that is sent, in bytes. Default as maxMessageBytes. */
  readonly maxResponseBytes?: number;
}

/** A gRPC server as a part of a process. */
export interface RpcServer extends Part {
  /** host:port to call; throws before the start. */
  readonly address: string;
  /** Reports the health of the server and its services, SERVING from the start on. */
  setServing(serving: boolean): void;
}

interface Running {
  readonly grpc: GrpcServer;
  readonly stopping: AbortController;
  readonly local: OpenedLocalServer | undefined;
  readonly health: ReturnType<typeof createHealth>;
  readonly eventLoop: EventLoopLag;
}

/**
 * Creates a gRPC server of a contract, with health and reflection. Its start throws a StartError for a contract without
 * handlers, a handler without a method, a validation rule that does not compile, and a port in use. Its stop reports
 * NOT_SERVING, takes no more calls, and lets those in flight finish for `drainTimeoutMs` before it cuts them off.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  let running: Running | undefined;
  return {
    name: `rpc ${options.contract.name}`,
    get address() {
      if (!running) throw new Error(`${options.contract.name} has no address before its start`);
      return running.grpc.address;
    },
    setServing: (serving) => running?.health.setServing(serving),
    async start() {
      const eventLoop = watchEventLoop();
      try {
        running = await startServer(options, eventLoop);
      } catch (error) {
        eventLoop.end();
        throw error;
      }
      running.health.setServing(true);
    },
    async stop() {
      const stopped = running;
      running = undefined;
      stopped?.health.stop();
      stopped?.stopping.abort();
      const timeoutMs = options.drainTimeoutMs ?? 10_000;
      await Promise.all([stopped?.local?.drain(timeoutMs), stopped?.grpc.drain(timeoutMs)]);
      stopped?.eventLoop.end();
    },
  };
}

async function startServer(options: RpcServerOptions, eventLoop: EventLoopLag): Promise<Running> {
  const { contract, log, maxMessageBytes = 4 * 1024 * 1024, maxResponseBytes = maxMessageBytes } = options;
  const limits = { maxMessageBytes, maxResponseBytes };
  const stopping = new AbortController();
  const health = createHealth(contract.services.map(({ typeName }) => typeName));
  const served = [...contract.services, health.service.service];
  const open = [health.service, ...(options.reflection === false ? [] : createReflection(served, stopping.signal))];
  const readerOf = requestReaders();
  const { guardedWay, openWay } = ways(options, eventLoop);
  const methods = new Map([
    ...tableOfContract(contract, options.services, { log, readerOf, wayOf: guardedWay }),
    ...tableOfOpenServices(open, { log, readerOf, wayOf: openWay }),
  ]);
  const grpc = await bindGrpcServer({ ...options, methods, ...limits });
  const local = options.local ? openLocalServer(grpc.address, { methods, ...limits }) : undefined;
  return { grpc, local, stopping, health, eventLoop };
}

/** The way of a call through the server, outermost first: the order is part of the mesh's behaviour. */
function ways(
  options: RpcServerOptions,
  eventLoop: EventLoopLag,
): Record<"guardedWay" | "openWay", (method: DescMethod) => Step> {
  const { contract, onCallEnd, meterOf } = options;
  const errors = mapErrors({ domain: contract.name, reasons: contract.reasons });
  const around = (method: DescMethod): Interceptor[] => {
    return [traceCalls, logCalls({ onCallEnd, meter: meterOf?.(method) }), errors, limitTime];
  };
  const admission = (method: DescMethod) => {
    const policy = contract.methods.get(method)?.calls.admission;
    return policy ? [admit({ policy, method }, eventLoop)] : [];
  };
  const access: Interceptor[] = [authenticate(options.tokens, options.identity), authorise];
  return {
    guardedWay: (method) => compose([...around(method), ...admission(method), ...access], runHandler(method)),
    // Health must tell of a server that is overloaded: it is never refused.
    openWay: (method) => compose(around(method), runHandler(method)),
  };
}
