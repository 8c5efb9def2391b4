import { setTimeout } from "node:timers/promises";
import { type ConnectionOptions, connect, Events, type NatsConnection } from "nats";
import type { Logger } from "#mesh/telemetry";
import { BrokerFault } from "./broker-fault.ts";
import { toBrokerFault } from "./to-broker-fault.ts";

/** A connection that is looked for until it is stopped, and found again whenever it is lost. */
export interface Connection {
  readonly connected: boolean;
  /** The connection as it is now. Throws BrokerFault "away" where there is none. */
  current(): NatsConnection;
  onConnect(callback: () => void): () => void;
  /** Calls back whenever the connection is lost. Returns a function that ends it. */
  onLost(callback: () => void): () => void;
  /** Tries once, then goes on in the background. */
  start(): Promise<void>;
  /** Sends what is waiting and closes. */
  stop(): Promise<void>;
}

const connectTimeoutMs = 2_000;
const retryDelayMs = 250;
const drainTimeoutMs = 3_000;

/** Connects to nats-server: `url` is one address or several with commas, as nats:// or tls://, with user:password@. */
export function maintainConnection(options: { url: string; name: string; log: Logger }): Connection {
  const { log } = options;
  const callbacks = new Set<() => void>();
  const lostCallbacks = new Set<() => void>();
  const stopping = new AbortController();
  let nats: NatsConnection | undefined;
  let connected = false;
  let maintained: Promise<void> = Promise.resolve();

  function setConnected(value: boolean): void {
    connected = value;
    for (const callback of value ? callbacks : lostCallbacks) {
      callback();
    }
  }

  async function open(): Promise<NatsConnection | undefined> {
    try {
      return await connect(connectionOptions(options.url, options.name));
    } catch (error) {
      log.debug({ error: toBrokerFault(error).message }, "no connection to the broker");
      return undefined;
    }
  }

  async function use(connection: NatsConnection): Promise<void> {
    nats = connection;
    log.info({ server: connection.getServer(), version: connection.info?.version }, "connected to the broker");
    setConnected(true);
    // The client does not end its status when it closes.
    await Promise.race([follow(connection), connection.closed()]);
    setConnected(false);
    nats = undefined;
  }

  async function follow(connection: NatsConnection): Promise<void> {
    for await (const { type, data } of connection.status()) {
      if (type === Events.Disconnect) {
        log.warn({ server: data }, "lost the broker, reconnecting");
        setConnected(false);
      } else if (type === Events.Reconnect) {
        log.info({ server: data }, "connected to the broker again");
        setConnected(true);
      } else if (type === Events.Error) {
        log.warn({ error: data }, "the broker complains");
      }
    }
  }

  async function maintain(first: NatsConnection | undefined): Promise<void> {
    let connection = first;
    if (connection === undefined) {
      log.warn({ url: withoutLogin(options.url) }, "the broker does not answer: events wait until it does");
    }
    while (!stopping.signal.aborted) {
      connection ??= await open();
      if (connection === undefined) {
        await setTimeout(retryDelayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
        continue;
      }
      await use(connection);
      connection = undefined;
    }
    await connection?.close();
  }

  return {
    get connected() {
      return connected;
    },
    current() {
      if (nats === undefined || !connected) {
        throw new BrokerFault("away", "no connection to the broker");
      }
      return nats;
    },
    onConnect(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    onLost(callback) {
      lostCallbacks.add(callback);
      return () => lostCallbacks.delete(callback);
    },
    async start() {
      maintained = maintain(await open());
    },
    async stop() {
      stopping.abort();
      await close(nats, connected);
      await maintained;
    },
  };
}

/** Sends what is waiting where somebody listens, and closes in any case: draining never ends without a server. */
async function close(nats: NatsConnection | undefined, connected: boolean): Promise<void> {
  if (connected) {
    const drained = nats?.drain().catch(() => undefined);
    await Promise.race([drained, setTimeout(drainTimeoutMs, undefined, { ref: false })]);
  }
  await nats?.close();
}

function connectionOptions(url: string, name: string): ConnectionOptions {
  const addresses = url.split(",").map((address) => new URL(address.includes("//") ? address : `nats://${address}`));
  const [first] = addresses;
  return {
    servers: addresses.map(({ host }) => host),
    name,
    timeout: connectTimeoutMs,
    maxReconnectAttempts: -1,
    reconnectTimeWait: retryDelayMs,
    reconnectJitter: 100,
    // Credentials may be put right on the server while we wait: that is no reason to give up.
    ignoreAuthErrorAbort: true,
    pingInterval: 10_000,
    ...(first?.protocol === "tls:" ? { tls: {} } : {}),
    ...(first?.username ? { user: decodeURIComponent(first.username) } : {}),
    ...(first?.password ? { pass: decodeURIComponent(first.password) } : {}),
  };
}

function withoutLogin(url: string): string {
  return url.replaceAll(/\/\/[^@/,]*@/g, "//");
}
