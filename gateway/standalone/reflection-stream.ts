import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { ServerReflection as V1 } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflection as V1Alpha } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** What is asked: the messages of v1 and v1alpha differ in nothing but their names. */
type Question = { case: "listServices" | "fileByFilename" | "fileContainingSymbol"; value: string };

/** A conversation with a server about its contracts, on one stream. Its methods are to be awaited one by one. */
export interface ReflectionStream {
  /** Full names of the server's services. */
  services(): Promise<string[]>;
  /** The file that declares a symbol, and those of its imports that were not sent yet; undefined for an unknown one. */
  filesOf(symbol: string): Promise<FileDescriptorProto[] | undefined>;
  /** The same for a file by its name. */
  file(name: string): Promise<FileDescriptorProto[] | undefined>;
  end(): Promise<void>;
}

/** Opens the stream. Its methods throw the ConnectError with which the server ends it. */
export function openReflection(
  service: typeof V1 | typeof V1Alpha,
  transport: Transport,
  signal: AbortSignal,
): ReflectionStream {
  const { questions, put, end } = createQuestions();
  const answers = createClient(service, transport).serverReflectionInfo(questions, { signal })[Symbol.asyncIterator]();

  async function ask(messageRequest: Question) {
    put(messageRequest);
    const next = await answers.next();
    if (next.done) throw new ConnectError("the server has ended its reflection", Code.Unavailable);
    return next.value.messageResponse;
  }

  async function filesBy(question: Question): Promise<FileDescriptorProto[] | undefined> {
    const answer = await ask(question);
    if (answer.case !== "fileDescriptorResponse") return undefined;
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  return {
    async services() {
      const answer = await ask({ case: "listServices", value: "*" });
      return answer.case === "listServicesResponse" ? answer.value.service.map(({ name }) => name) : [];
    },
    filesOf: (value) => filesBy({ case: "fileContainingSymbol", value }),
    file: (value) => filesBy({ case: "fileByFilename", value }),
    async end() {
      end();
      // The server may end the stream in whatever way it likes: everything has been said.
      await answers.next().catch(() => undefined);
    },
  };
}

/** Requests that are sent one at a time, when they are put. */
function createQuestions() {
  let waiting = Promise.withResolvers<Question | undefined>();
  async function* questions() {
    for (;;) {
      const messageRequest = await waiting.promise;
      if (!messageRequest) return;
      waiting = Promise.withResolvers();
      yield { messageRequest };
    }
  }
  return {
    questions: questions(),
    put: (question: Question) => waiting.resolve(question),
    end: () => waiting.resolve(undefined),
  };
}
