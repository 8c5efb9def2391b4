import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary, type Message } from "@bufbuild/protobuf";
import { type Any, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

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

/** The suite's contracts, read from the image that run.ts builds: nothing of them is generated or committed. */
export interface Suite {
  readonly registry: FileRegistry;
  readonly response: DescMessage;
  /** Decodes a request of the suite. */
  readRequest(bytes: Uint8Array): CallRequest;
}

/** Reads the image of the suite's contracts. */
export function readSuite(path: string): Suite {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
  const request = messageOf(registry, "ClientCompatRequest");
  return {
    registry,
    response: messageOf(registry, "ClientCompatResponse"),
    readRequest: (bytes) => fromBinary(request, bytes) as CallRequest,
  };
}

function messageOf(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(`connectrpc.conformance.v1.${name}`);
  if (!found) throw new Error(`the suite has no ${name}`);
  return found;
}
