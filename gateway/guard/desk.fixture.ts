import {
  type DescMethod,
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { Audience, RateLimitSubject } from "#gen/heddle/v1/policy_pb.ts";
import { readContract } from "#mesh/contract";
import { secretIdentity } from "#mesh/identity";
import { createRpcServer, type RpcContext } from "#mesh/rpc";
import { createLogger } from "#mesh/telemetry";
import { silentLogger } from "#mesh/testing";
import type { GatewayConfig } from "../config.ts";
import { gateway } from "../gateway.ts";
import { plainTokens, testConfig } from "../library.fixture.ts";
import { isUnary } from "../rpc/method-kind.ts";
import { compileContract, serviceOf } from "../run-time-contract.fixture.ts";

const everyone = { access: { audience: Audience.PUBLIC } };
const signedIn = { access: { audience: Audience.SIGNED_IN } };
const day = { seconds: 86_400n };
const { USER, ADDRESS } = RateLimitSubject;

const contract = compileContract(
  `
  syntax = "proto3";
  package test.desk.v1;
  message Note { string id = 1; string text = 2; }
  service Desk {
    rpc ReadNote(Note) returns (Note) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc ReadSign(Note) returns (Note) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc ReadLetter(Note) returns (Note) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc WriteNote(Note) returns (Note);
    rpc Enter(Note) returns (Note);
    rpc Ring(Note) returns (Note);
    rpc Listen(Note) returns (stream Note);
  }
  `,
  {
    ReadNote: { policy: everyone, http: { pattern: { case: "get", value: "/v1/notes/{id}" } } },
    ReadSign: {
      policy: { ...everyone, caching: { maxAge: { seconds: 60n }, shared: true } },
      http: { pattern: { case: "get", value: "/v1/signs/{id}" } },
    },
    ReadLetter: {
      policy: { ...signedIn, caching: { maxAge: { seconds: 60n } } },
      http: { pattern: { case: "get", value: "/v1/letters/{id}" } },
    },
    WriteNote: { policy: signedIn, http: { pattern: { case: "post", value: "/v1/notes" }, body: "*" } },
    Enter: {
      policy: { ...everyone, rateLimits: [{ per: ADDRESS, requests: 2, period: day }] },
      http: { pattern: { case: "post", value: "/v1/enter" }, body: "*" },
    },
    Ring: {
      policy: {
        ...everyone,
        rateLimits: [
          { per: USER, requests: 2, period: day },
          { per: ADDRESS, requests: 3, period: day, burst: 4 },
        ],
      },
      http: { pattern: { case: "post", value: "/v1/ring" }, body: "*" },
    },
    Listen: {
      policy: { ...everyone, rateLimits: [{ requests: 1, period: day }] },
      http: { pattern: { case: "get", value: "/v1/notes:listen" } },
    },
  },
);

/** A service without generated code whose contract asks the edge for everything that it can do. */
export const Desk = serviceOf(contract, "test.desk.v1.Desk");

/** A unary method of the desk, for a transport. */
export function unaryMethod(name: string): DescMethodUnary {
  const method = Desk.method[name];
  if (method === undefined || !isUnary(method)) throw new Error(`no unary method ${name}`);
  return method;
}

/** Answers a call; requests and responses are ProtoJSON. */
export type DeskHandler = (request: JsonObject, context: RpcContext) => Promise<JsonObject>;

/** Starts the desk. `handler` answers all its methods; by default with what they were asked. */
export async function startDesk(handler: DeskHandler = async (request) => request, port = 0) {
  const one = ({ input, output }: DescMethod) => {
    return async (request: Message, context: RpcContext) =>
      fromJson(output, await handler(objectOf(toJson(input, request)), context));
  };
  const { listen, ...others } = Desk.method;
  if (!listen) throw new Error("the contract has changed");
  const server = createRpcServer({
    host: "127.0.0.1",
    port,
    contract: readContract({ services: [Desk] }),
    services: [
      {
        service: Desk,
        handlers: {
          ...Object.fromEntries(Object.entries(others).map(([name, method]) => [name, one(method)])),
          async *listen(request: Message, context: RpcContext) {
            yield await one(listen)(request, context);
          },
        },
      },
    ],
    tokens: plainTokens,
    identity: secretIdentity("test.desk", secretOf(testConfig())),
    log: silentLogger(),
  });
  await server.start();
  return { address: server.address, [Symbol.asyncDispose]: () => server.stop() };
}

/** Starts a gateway in front of the desk at an address. */
export async function startGateway(address: string, config: Partial<GatewayConfig> = {}) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const edge = gateway({
    config: testConfig(config),
    services: [{ service: Desk, address, server: "test.desk" }],
    tokens: plainTokens,
    log: createLogger({ name: "gateway", level: "debug", destination }),
  });
  await edge.start();
  return {
    url: edge.url,
    lines,
    stop: () => edge.stop(),
    [Symbol.asyncDispose]: () => edge.stop(),
  };
}

function secretOf({ security }: GatewayConfig): string {
  return security.kind === "plaintext" ? security.secret : "";
}

function objectOf(json: JsonValue): JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
}
