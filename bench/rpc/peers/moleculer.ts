/** Moleculer over its TCP transporter, which speaks JSON. */
import { freePort } from "#mesh/testing";
import { plainResponse } from "../contract.ts";
import { loadPeer } from "./install.ts";
import type { PeerCall } from "./peer-call.ts";

interface Broker {
  createService(service: object): void;
  start(): Promise<void>;
  waitForServices(name: string, timeoutMs: number): Promise<unknown>;
  call(action: string, params: object, options: object): Promise<unknown>;
}

interface Moleculer {
  readonly default: { readonly ServiceBroker: new (options: object) => Broker };
}

const DEADLINE_MS = 5_000;
const node = "orders";

/** Starts a server and returns its address. */
export async function startMoleculer(peers: string): Promise<string> {
  const port = await freePort();
  const broker = await brokerOf(peers, node, { port });
  broker.createService({ name: node, actions: { getOrder: () => plainResponse } });
  await broker.start();
  return `127.0.0.1:${port}`;
}

/** Returns what makes the calls of a client that has found the server. Rejects when it does not within half a minute. */
export async function moleculerCalls(peers: string, address: string, call: PeerCall): Promise<() => Promise<unknown>> {
  const broker = await brokerOf(peers, "caller", { port: await freePort(), urls: [`${address}/${node}`] });
  await broker.start();
  await broker.waitForServices(node, 30_000);
  return async () => {
    const meta = await call.headers();
    return broker.call(`${node}.getOrder`, { id: call.id }, { meta, timeout: DEADLINE_MS });
  };
}

/** Loopback alone: nothing is looked for by UDP. */
async function brokerOf(peers: string, nodeID: string, tcp: object): Promise<Broker> {
  const { ServiceBroker } = (await loadPeer<Moleculer>(peers, "moleculer")).default;
  const options = { udpDiscovery: false, useHostname: false, gossipPeriod: 1, ...tcp };
  return new ServiceBroker({ nodeID, logger: false, transporter: { type: "TCP", options } });
}
