import { AsyncLocalStorage } from "node:async_hooks";
import type { EndpointChannel } from "#mesh/target";
import { LocalCall, type LocalCallSide } from "./local-call.ts";
import type { ServedMethod } from "./served-method.ts";

/** A server of this process, as the services beside it call it. */
export interface LocalServer {
  readonly methods: ReadonlyMap<string, ServedMethod>;
  /** Largest request, and largest response, in bytes. */
  readonly maxMessageBytes: number;
  readonly maxResponseBytes: number;
  /** Calls under way. */
  readonly calls: Set<LocalCall>;
  /** Runs what belongs to the server outside of the caller's context. */
  readonly inOwnContext: <T>(work: () => T) => T;
}

const servers = new Map<string, LocalServer>();

/** A server that can be called without a socket, until it is drained. */
export interface OpenedLocalServer {
  /** Takes no more calls, and waits for those under way; what is left after `timeoutMs` is cut off. */
  drain(timeoutMs: number): Promise<void>;
}

/** Lets the services of this process call the server at `address` without a socket. */
export function openLocalServer(
  address: string,
  served: Pick<LocalServer, "methods" | "maxMessageBytes" | "maxResponseBytes">,
): OpenedLocalServer {
  const server = { ...served, calls: new Set<LocalCall>(), inOwnContext: AsyncLocalStorage.snapshot() };
  servers.set(address, server);
  return {
    async drain(timeoutMs) {
      if (servers.get(address) === server) servers.delete(address);
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, timeoutMs);
      await Promise.race([Promise.all([...server.calls].map(({ ended }) => ended)), late.promise]);
      clearTimeout(timer);
      for (const call of server.calls) call.cutOff();
    },
  };
}

/**
 * A channel that calls a server of this process directly while there is one at `address`, and any other through
 * `network`. Everything but the socket stays: both sides' interceptors, deadlines, limits, and messages as bytes, so
 * that nothing is shared.
 */
export function preferLocal(
  address: string,
  network: EndpointChannel,
  side: Omit<LocalCallSide, "listener">,
): EndpointChannel {
  return {
    start(request, listener) {
      const server = servers.get(address);
      return server ? new LocalCall(server, request, { ...side, listener }) : network.start(request, listener);
    },
    get unreachable() {
      return !servers.has(address) && network.unreachable;
    },
    drain: () => network.drain(),
    close: () => network.close(),
  };
}
