import type { DescFile, DescService } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.ts";
import { ServerReflection as ServerReflectionV1 } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type DescriptorIndex, indexDescriptors } from "./descriptor-index.ts";
import { implement, type RpcContext, type RpcService } from "./handler.ts";

/** What the messages of v1 and v1alpha have in common, which is everything but their names. */
interface Question {
  readonly host: string;
  readonly messageRequest:
    | { case: "listServices" | "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType"; value: string }
    | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
    | { case: undefined; value?: undefined };
}

type Answer =
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/**
 * grpc.reflection.v1 and v1alpha (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md) over descriptors,
 * so that custom options are kept. They also list themselves. Streams end when `stopping` aborts.
 */
export function createReflection(services: readonly DescService[], stopping: AbortSignal): RpcService[] {
  // Clients look up the details of errors, which no contract imports.
  const details = [file_google_rpc_error_details];
  const index = indexDescriptors([...services, ServerReflectionV1, ServerReflectionV1Alpha], details);

  // A file goes out once on a stream, as clients keep what they have.
  async function* serverReflectionInfo<Request extends Question>(
    requests: AsyncIterable<Request>,
    context: RpcContext,
  ) {
    const sent = new Set<string>();
    for await (const request of untilAborted(requests, [stopping, context.signal])) {
      const messageResponse = answerOf(request.messageRequest, index, sent);
      yield { validHost: request.host, originalRequest: request, messageResponse };
    }
  }

  return [
    implement(ServerReflectionV1, { serverReflectionInfo }),
    implement(ServerReflectionV1Alpha, { serverReflectionInfo }),
  ];
}

async function* untilAborted<T>(items: AsyncIterable<T>, signals: readonly AbortSignal[]): AsyncGenerator<T> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const abort = () => resolve(undefined);
  for (const signal of signals) signal.addEventListener("abort", abort);
  if (signals.some((signal) => signal.aborted)) abort();
  try {
    const iterator = items[Symbol.asyncIterator]();
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", abort);
  }
}

function answerOf(request: Question["messageRequest"], index: DescriptorIndex, sent: Set<string>): Answer {
  switch (request.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: index.services.map((name) => ({ name })) } };
    case "fileByFilename":
      return fileAnswer(index.fileByName(request.value), index, sent) ?? unknown(`file ${request.value}`);
    case "fileContainingSymbol":
      return fileAnswer(index.fileOfSymbol(request.value), index, sent) ?? unknown(`symbol ${request.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      return fileAnswer(file, index, sent) ?? unknown(`extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionNumbers(request.value);
      if (!extensionNumber) return unknown(`message ${request.value}`);
      const value = { baseTypeName: request.value, extensionNumber: [...extensionNumber] };
      return { case: "allExtensionNumbersResponse", value };
    }
    default:
      return failure(Code.InvalidArgument, "the request asks for nothing that this server knows");
  }
}

function fileAnswer(file: DescFile | undefined, index: DescriptorIndex, sent: Set<string>): Answer | undefined {
  if (!file) return undefined;
  const [self, ...dependencies] = index.withDependencies(file);
  const wanted = [...(self ? [self] : []), ...dependencies.filter(({ name }) => !sent.has(name))];
  for (const { name } of wanted) sent.add(name);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: wanted.map(({ bytes }) => bytes) } };
}

function unknown(what: string): Answer {
  return failure(Code.NotFound, `there is no ${what} here`);
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
