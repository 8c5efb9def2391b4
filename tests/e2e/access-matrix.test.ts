import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type DescService,
  getOption,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AdminService } from "#gen/heddle/admin/v1/admin_service_pb.ts";
import { JsonWebKeyService } from "#gen/heddle/identity/v1/json_web_key_service_pb.ts";
import { Audience, policy } from "#gen/heddle/v1/policy_pb.ts";
import { IdentityService } from "#gen/platform/identity/v1/identity_service_pb.ts";
import { serverOf } from "#mesh/config";
import { type ClosableTransport, createMeshTransport } from "#mesh/rpc";
import { channelUnderTest } from "#mesh/testing";
import { shopServices, statelessServices } from "../../scripts/neighbours.ts";
import { allCallers, type TestCaller } from "./callers.ts";
import { startShop, type TestShop } from "./shop.ts";

/** What a caller gets: an answer of the method itself, good or bad, or a refusal before it. */
type Outcome = "through" | "UNAUTHENTICATED" | "PERMISSION_DENIED" | string;

const processes = [...shopServices, ...statelessServices];
const names = processes.map((service) => serverOf(service, {}));

/** Every contract that a process serves: its own, the mesh's beside it, and the keys where they are issued. */
const served = processes.flatMap((main) => {
  const admin = statelessServices.includes(main) ? [] : [AdminService];
  const contracts: DescService[] = [main, ...admin, ...(main === IdentityService ? [JsonWebKeyService] : [])];
  return contracts.flatMap(({ methods }) => methods.map((method) => ({ server: serverOf(main, {}), method })));
});

let shop: TestShop;
let callers: Map<string, TestCaller>;
const transports = new Map<string, ClosableTransport>();

beforeAll(async () => {
  shop = await startShop();
  callers = await allCallers(shop, [...names, "gateway", "shop.unheard_of"]);
});

afterAll(async () => {
  for (const transport of transports.values()) transport.close();
  await shop?.[Symbol.asyncDispose]();
});

/** What the contract says, read from the descriptor and nothing else. */
function expectedFor(method: DescMethod, { roles, service, badToken }: TestCaller): Outcome {
  const { access } = getOption(method, policy);
  if (badToken) return "UNAUTHENTICATED";
  if (access?.audience === Audience.PUBLIC) return "through";
  if (service && access?.services.includes(service)) return "through";
  const users = access?.audience === Audience.SIGNED_IN || (access?.roles.length ?? 0) > 0;
  if (!roles) return users ? "UNAUTHENTICATED" : "PERMISSION_DENIED";
  const allowed = access?.audience === Audience.SIGNED_IN || access?.roles.some((role) => roles.includes(role));
  return allowed ? "through" : "PERMISSION_DENIED";
}

function transportOf(server: string, name: string, { identity }: TestCaller): ClosableTransport {
  const key = `${server} ${name}`;
  const options = { address: shop.address(server), server, identity, forwardUser: false, channel: channelUnderTest() };
  const transport = transports.get(key) ?? createMeshTransport(options);
  transports.set(key, transport);
  return transport;
}

/** Calls with an empty request. Whoever is refused is refused before the request is looked at. */
async function outcomeOf(transport: Transport, method: DescMethod, headers: TestCaller["headers"]): Promise<Outcome> {
  const request = create(method.input);
  try {
    if (isUnary(method)) await transport.unary(method, undefined, undefined, headers, request);
    if (isStreaming(method)) {
      const requests = (async function* () {
        yield request;
      })();
      const { message } = await transport.stream(method, undefined, undefined, headers, requests);
      for await (const _ of message) break;
    }
    return "through";
  } catch (thrown) {
    return reading(ConnectError.from(thrown).code);
  }
}

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isStreaming = (method: DescMethod): method is DescMethodStreaming => method.methodKind !== "unary";

/** Codes with which the methods themselves answer an empty request. Anything else would be a fault of the shop. */
const own = [Code.InvalidArgument, Code.NotFound, Code.FailedPrecondition];

function reading(code: Code): Outcome {
  if (own.includes(code)) return "through";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

describe.each(names)("%s", (server) => {
  const methods = served.filter((each) => each.server === server).map(({ method }) => method);

  it.each(methods)("$parent.typeName/$name lets in whom its contract names, and nobody else", async (method) => {
    const got = [...callers].map(async ([name, caller]) => {
      return [name, await outcomeOf(transportOf(server, name, caller), method, caller.headers)] as const;
    });
    const expected = [...callers].map(([name, caller]) => [name, expectedFor(method, caller)]);
    expect(Object.fromEntries(await Promise.all(got))).toEqual(Object.fromEntries(expected));
  });
});

it("has seen every way to be let in and to be refused", () => {
  const all = served.flatMap(({ method }) => [...callers.values()].map((caller) => expectedFor(method, caller)));
  expect(new Set(all)).toEqual(new Set(["through", "UNAUTHENTICATED", "PERMISSION_DENIED"]));
  const byService = served.filter(({ method }) => (getOption(method, policy).access?.services.length ?? 0) > 0);
  expect(byService.length).toBeGreaterThan(0);
  expect(all.length).toBeGreaterThan(500);
});
