import { readFileSync } from "node:fs";
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  type Message,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type Any,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { Audience, PolicySchema, policy, ServerSchema, server } from "#gen/heddle/v1/policy_pb.ts";

/** A name with its values: HTTP headers as the suite writes them. */
export interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

/** connectrpc.conformance.v1.ClientCompatRequest, as far as it is read here. */
export type CallRequest = Message<"connectrpc.conformance.v1.ClientCompatRequest"> & {
  readonly testName: string;
  readonly compression: number;
  readonly host: string;
  readonly port: number;
  readonly serverTlsCert: Uint8Array;
  readonly clientTlsCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly messageReceiveLimit: number;
  readonly service?: string;
  readonly method?: string;
  readonly streamType: number;
  readonly requestHeaders: readonly Header[];
  readonly requestMessages: readonly Any[];
  readonly timeoutMs?: number;
  readonly requestDelayMs: number;
  readonly cancel?: {
    readonly cancelTiming:
      | { readonly case: "beforeCloseSend" }
      | { readonly case: "afterCloseSendMs" | "afterNumResponses"; readonly value: number }
      | { readonly case: undefined };
  };
};

/** Compression and StreamType of the suite, as far as they are told apart here. */
export const GZIP = 2;
export const FULL_DUPLEX = 5;

/** connectrpc.conformance.v1.ServerCompatRequest, as far as it is read here. */
export type ServerRequest = Message<"connectrpc.conformance.v1.ServerCompatRequest"> & {
  readonly useTls: boolean;
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
};

/** The suite's contracts, read from the image that run.ts builds: nothing of them is generated or committed. */
export interface Suite {
  readonly registry: FileRegistry;
  readonly response: DescMessage;
  /** ConformanceService, open to everyone where it is served. */
  readonly service: DescService;
  readonly serverResponse: DescMessage;
  /** Decodes a request of the suite. */
  readRequest(bytes: Uint8Array): CallRequest;
  /** Decodes what the suite asks of a server. */
  readServerRequest(bytes: Uint8Array): ServerRequest;
}

/** Reads the image of the suite's contracts. To be served, they are given the policies that they do not have. */
export function readSuite(path: string, { served = false } = {}): Suite {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(path));
  if (served) addPolicies(set);
  const registry = createFileRegistry(set);
  const service = registry.getService("connectrpc.conformance.v1.ConformanceService");
  if (!service) throw new Error("the suite has no ConformanceService");
  const request = messageOf(registry, "ClientCompatRequest");
  const serverRequest = messageOf(registry, "ServerCompatRequest");
  return {
    registry,
    service,
    response: messageOf(registry, "ClientCompatResponse"),
    serverResponse: messageOf(registry, "ServerCompatResponse"),
    readRequest: (bytes) => fromBinary(request, bytes) as CallRequest,
    readServerRequest: (bytes) => fromBinary(serverRequest, bytes) as ServerRequest,
  };
}

/** The longest there is, and far longer than the suite asks for, so that a deadline of the suite can be told from it. */
export const POLICY_DEADLINE_SECONDS = 300;

/** No method is served without a policy, and the suite's have none. */
function addPolicies(set: FileDescriptorSet): void {
  for (const service of set.file.flatMap((file) => file.service)) {
    service.options ??= create(ServiceOptionsSchema);
    setExtension(service.options, server, create(ServerSchema, { defaultPort: 1 }));
    for (const method of service.method) {
      method.options ??= create(MethodOptionsSchema);
      const deadline = { seconds: BigInt(POLICY_DEADLINE_SECONDS) };
      setExtension(method.options, policy, create(PolicySchema, { access: { audience: Audience.PUBLIC }, deadline }));
    }
  }
}

function messageOf(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (!found) throw new Error(`the suite has no ${name}`);
  return found;
}
