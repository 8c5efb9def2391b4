import { clone, create, fromBinary, getOption, setExtension, toBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { type ChannelCredentials, credentials, Client as GrpcClient, Metadata } from "@grpc/grpc-js";
import { BalanceAlgorithm, BalanceSchema, PolicySchema, policy } from "#gen/heddle/v1/policy_pb.ts";
import { GetOrderRequestSchema, GetOrderResponseSchema, OrderService } from "#gen/shop/order/v1/order_service_pb.ts";
import { createDiscovery } from "#mesh/discovery";
import { type ChannelKind, createMeshTransport, createTargetTransport } from "#mesh/rpc";
import { runInScope, type Scope } from "#mesh/scope";
import { childTrace, formatTraceparent, newTrace } from "#mesh/telemetry";
import { startMeshServer } from "./mesh-server.ts";
import { moleculerCalls } from "./peers/moleculer.ts";
import { nestCalls } from "./peers/nest.ts";
import { type ClientKind, type ClientSettings, clientSide } from "./settings.ts";

/** Makes one call and resolves with its answer. */
export type MakeCall = () => Promise<unknown>;

const DEADLINE_MS = 5_000;
const REQUEST_ID = "0123456789abcdef0123456789abcdef";
const id = "0199c1a2-7c1e-7f00-8000-000000000001";

const kinds: Record<ClientKind, (settings: ClientSettings) => MakeCall | Promise<MakeCall>> = {
  bare: bareCalls,
  mesh: (settings) => overChannel(settings, "mesh"),
  "grpc-js": (settings) => overChannel(settings, "grpc-js"),
  target: targetCalls,
  local: localCalls,
  nest: ({ peers, address, ...settings }) => nestCalls(peers, address, { id, headers: () => headers(settings) }),
  moleculer: ({ peers, address, ...settings }) =>
    moleculerCalls(peers, address, { id, headers: () => headers(settings) }),
};

/** Returns what makes the calls of one kind of client. */
export async function createCalls(settings: ClientSettings): Promise<MakeCall> {
  return kinds[settings.kind](settings);
}

/** The mesh's client of one address. */
function overChannel(settings: ClientSettings, channel: ChannelKind): MakeCall {
  const { address } = settings;
  return meshCalls(settings, createMeshTransport({ ...clientSide(settings), address, channel }));
}

/** The whole data plane, as services call each other. */
function targetCalls(settings: ClientSettings, local = false): MakeCall {
  if (settings.roundRobin) takeTurns();
  const { address } = settings;
  const transport = createTargetTransport({
    ...clientSide(settings),
    address,
    local,
    service: OrderService,
    discovery: createDiscovery(),
    place: { zone: "", seed: "bench" },
  });
  return meshCalls(settings, transport);
}

/** The whole data plane and the server's interceptors in one process, without the socket. */
async function localCalls(settings: ClientSettings): Promise<MakeCall> {
  const server = await startMeshServer({ ...settings, local: true });
  return targetCalls({ ...settings, address: server.address }, true);
}

/** As a service calls its neighbour: in the scope of a call that it serves, in its user's name. */
function meshCalls({ authorization }: ClientSettings, transport: Transport): MakeCall {
  const client = createClient(OrderService, transport);
  return () => {
    const scope: Scope = {
      signal: new AbortController().signal,
      deadline: Date.now() + DEADLINE_MS,
      trace: newTrace(),
      authorization,
      requestId: REQUEST_ID,
    };
    return runInScope(scope, () => client.getOrder({ id }));
  };
}

/** What one writes with grpc-js alone to send the same. */
function bareCalls(settings: ClientSettings): MakeCall {
  const client = new GrpcClient(settings.address, bareCredentials(settings), {
    "grpc.enable_channelz": 0,
    // An address of numbers is no name for TLS.
    ...(settings.certificates && { "grpc.ssl_target_name_override": "shop.order" }),
  });
  const path = `/${OrderService.typeName}/GetOrder`;
  const write = (message: { id: string }) => {
    const bytes = toBinary(GetOrderRequestSchema, create(GetOrderRequestSchema, message));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const read = (bytes: Buffer) => fromBinary(GetOrderResponseSchema, bytes);
  return async () => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(await headers(settings))) metadata.set(name, value);
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      client.makeUnaryRequest(path, write, read, { id }, metadata, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
  };
}

function bareCredentials({ certificates }: ClientSettings): ChannelCredentials {
  const { own, authorities } = certificates?.client ?? {};
  if (!own) return credentials.createInsecure();
  // The certificates of the mesh name services, not hosts: the chain is verified all the same.
  const checks = { checkServerIdentity: () => undefined };
  return credentials.createSsl(Buffer.from(authorities ?? ""), Buffer.from(own.key), Buffer.from(own.chain), checks);
}

/** What a call between services carries, for the clients that do not add it themselves. */
async function headers({ authorization, secret, certificates }: ClientHeaders): Promise<Record<string, string>> {
  const proof = certificates ? undefined : await identityOf(secret).identity.header();
  return {
    authorization,
    ...(proof && { "heddle-service": proof }),
    traceparent: formatTraceparent(childTrace(newTrace())),
    "x-request-id": REQUEST_ID,
  };
}

type ClientHeaders = Pick<ClientSettings, "authorization" | "secret" | "certificates">;

const sides = new Map<string, ReturnType<typeof clientSide>>();

function identityOf(secret: string): ReturnType<typeof clientSide> {
  const known = sides.get(secret) ?? clientSide({ secret });
  sides.set(secret, known);
  return known;
}

/** Lets this process call as if the contract asked for round robin. */
function takeTurns(): void {
  const method = OrderService.method.getOrder;
  const options = method.proto.options;
  if (!options) throw new Error(`${method.name} has no options`);
  const changed = clone(PolicySchema, getOption(method, policy));
  changed.balance = create(BalanceSchema, { algorithm: BalanceAlgorithm.ROUND_ROBIN });
  setExtension(options, policy, changed);
}
