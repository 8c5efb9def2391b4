import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ServerReflection as V1 } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as V1Alpha } from "#gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { wantsService } from "./choose-services.ts";
import { DescriptorError } from "./descriptor-error.ts";
import { openReflection, type ReflectionStream } from "./reflection-stream.ts";

/** What a server says about its contracts. */
export interface ReflectedContract {
  /** The files of its wanted services and what they import; without those that it does not know itself. */
  readonly files: readonly FileDescriptorProto[];
  /** Full names of the services that it lists. */
  readonly services: readonly string[];
}

/** What is wanted of a server. */
export interface ReflectionWish {
  /** Names the server in messages. */
  readonly origin: string;
  /** Selectors of the services that are wanted; see wantsService. */
  readonly selectors?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Asks a server for its contracts by grpc.reflection.v1, or by v1alpha where it does not know that
 * (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
 * Throws a DescriptorError for a server without reflection and for services that it lists and cannot describe, and a
 * ConnectError when it cannot be reached or breaks off.
 */
export async function reflect(transport: Transport, wish: ReflectionWish): Promise<ReflectedContract> {
  const { origin, signal } = wish;
  for (const version of [V1, V1Alpha]) {
    const stream = openReflection(version, transport, signal);
    try {
      return await readContract(stream, wish);
    } catch (thrown) {
      if (!(thrown instanceof ConnectError) || thrown.code !== Code.Unimplemented) throw thrown;
    } finally {
      await stream.end();
    }
  }
  const mend = "Mend: switch it on in the server, or give its descriptors in a file";
  throw new DescriptorError(origin, [`it has no reflection, neither v1 nor v1alpha. ${mend}.`]);
}

async function readContract(
  stream: ReflectionStream,
  { origin, selectors }: ReflectionWish,
): Promise<ReflectedContract> {
  const services = await stream.services();
  const files = new Map<string, FileDescriptorProto>();
  const faults: string[] = [];
  for (const service of services.filter((name) => wantsService(name, selectors))) {
    const found = await stream.filesOf(service);
    if (!found) faults.push(`it lists ${service} and does not know its file.`);
    for (const file of found ?? []) files.set(file.name, file);
  }
  await addImports(stream, files);
  if (faults.length > 0) throw new DescriptorError(origin, faults);
  return { files: [...files.values()], services };
}

/** Asks for what is imported and was not sent along. What the server does not know is left out: it may not be needed. */
async function addImports(stream: ReflectionStream, files: Map<string, FileDescriptorProto>): Promise<void> {
  const asked = new Set(files.keys());
  const open = [...files.values()].flatMap(({ dependency }) => dependency);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (asked.has(name)) continue;
    asked.add(name);
    for (const file of (await stream.file(name)) ?? []) {
      files.set(file.name, file);
      open.push(...file.dependency);
    }
  }
}
