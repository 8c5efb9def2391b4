import { readContract } from "#mesh/contract";
import { createDiscovery } from "#mesh/discovery";
import { type AccessTokenVerifier, secretIdentity, type User } from "#mesh/identity";
import { createLogger } from "#mesh/telemetry";
import { channelUnderTest } from "#mesh/testing";
import type { CallRecord } from "./call-record.ts";
import { EchoErrorReason, type EchoRequest, EchoService } from "./echo-contract.fixture.ts";
import { implement, type RpcHandlers } from "./handler.ts";
import {
  createMeshTransport,
  createTargetTransport,
  type MeshTransportOptions,
  type TargetTransportOptions,
} from "./mesh-transport.ts";
import type { ChannelKind } from "./open-endpoint.ts";
import { createRpcServer, type RpcServerOptions } from "./server.ts";

/** The secret that the services of a test share. */
export const SECRET = "a secret that all services of a test share";

/** Reads "Bearer <id>:<role>,<role>" for a token. */
export const plainTokens: AccessTokenVerifier = {
  async verify(authorization): Promise<User | undefined> {
    const [id, roles] = authorization?.replace("Bearer ", "").split(":") ?? [];
    return id ? { id, roles: roles?.split(",") ?? [] } : undefined;
  },
};

type EchoHandlers = RpcHandlers<typeof EchoService>;

async function* count({ text, count }: EchoRequest) {
  for (let i = 0; i < count; i++) yield { text: `${text}${i}` };
}

async function* shout(requests: AsyncIterable<EchoRequest>) {
  for await (const { text } of requests) yield { text: text.toUpperCase() };
}

/** What the echo service does where a test wants nothing else. */
export const echoHandlers: EchoHandlers = {
  unary: async ({ text, data }) => ({ text, data }),
  serverStream: count,
  async clientStream(requests) {
    const texts: string[] = [];
    for await (const { text } of requests) texts.push(text);
    return { text: texts.join(",") };
  },
  bidi: shout,
  quick: async ({ text }) => ({ text }),
  signedIn: async (_, { caller }) => ({ text: caller.user?.id ?? "" }),
  adminOnly: async () => ({ text: "admin" }),
  orderOnly: async (_, { caller }) => ({ text: caller.service ?? "" }),
  inTurn: async ({ text }) => ({ text }),
  sticky: async ({ text }) => ({ text }),
  cached: async ({ text }) => ({ text }),
  hedged: async ({ text }) => ({ text }),
  impatient: async ({ text }) => ({ text }),
  safeStream: count,
  safeBidi: shout,
  adminOrOrder: async () => ({ text: "either" }),
};

/** Starts an echo server on a free port; it stops at the end of the test's scope. */
export async function echoServer(own: Partial<EchoHandlers> = {}, options: Partial<RpcServerOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const records: CallRecord[] = [];
  const server = createRpcServer({
    host: "127.0.0.1",
    port: 0,
    contract: readContract({ services: [EchoService], ...(EchoErrorReason ? { reasons: EchoErrorReason } : {}) }),
    services: [implement(EchoService, { ...echoHandlers, ...own })],
    tokens: plainTokens,
    identity: secretIdentity("test.echo", SECRET),
    log: createLogger({ name: "test", level: "debug", destination: { write: (line) => lines.push(JSON.parse(line)) } }),
    onCallEnd: (record) => records.push(record),
    ...options,
  });
  await server.start();
  return { server, address: server.address, lines, records, [Symbol.asyncDispose]: () => server.stop() };
}

/** Who can carry calls: what holds for one has to hold for the other. */
export const CHANNELS: readonly ChannelKind[] = ["mesh", "grpc-js"];

/** Makes transports over one kind of channel; each closes at the end of the test's scope. */
export function transportOver(channel: ChannelKind) {
  return (address: string, options: Partial<MeshTransportOptions> = {}) => {
    const transport = createMeshTransport({ address, channel, ...options });
    return { ...transport, [Symbol.dispose]: () => transport.close() };
  };
}

/** Makes transports to all instances at an address, by every policy of the contract. */
export function targetOver(channel: ChannelKind) {
  return (address: string, options: Partial<TargetTransportOptions> = {}) => {
    const where = { service: EchoService, address, discovery: createDiscovery(), place: { zone: "", seed: "test" } };
    const transport = createTargetTransport({ ...where, channel, ...options });
    return { ...transport, [Symbol.dispose]: () => transport.close() };
  };
}

/** A transport that closes at the end of the test's scope. */
export const transportTo = transportOver(channelUnderTest());
