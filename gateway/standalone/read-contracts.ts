import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type DescService, equals, type FileRegistry } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import type { Logger } from "#mesh/telemetry";
import type { Channels } from "./channels.ts";
import { chooseServices } from "./choose-services.ts";
import type { UpstreamConfig } from "./config.ts";
import { DescriptorError } from "./descriptor-error.ts";
import { linkFiles } from "./link-files.ts";
import { readImage } from "./read-image.ts";
import { type ReflectedContract, reflect } from "./reflect.ts";

/** The contracts of one upstream. */
export interface UpstreamContracts {
  readonly upstream: UpstreamConfig;
  readonly services: readonly DescService[];
  readonly registry: FileRegistry;
}

/** How contracts are read. */
export interface ReadOptions {
  readonly channels: Channels;
  readonly log: Logger;
  /** How long a server that is not there yet is waited for, in milliseconds. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Reads the contracts of an upstream, from its images or by reflection, and chooses what to serve.
 * Throws a DescriptorError that lists every fault.
 */
export async function readContracts(upstream: UpstreamConfig, options: ReadOptions): Promise<UpstreamContracts> {
  const origin = upstream.descriptors?.join(" + ") ?? `${upstream.name} (${upstream.address})`;
  const { files, services: listed } = upstream.descriptors
    ? { files: await readImages(upstream.descriptors), services: undefined }
    : await reflectPatiently(upstream, origin, options);
  const registry = linkFiles(files, origin);
  const faults: string[] = [];
  const services = chooseServices(registry, { selectors: upstream.selectors, listed }, faults);
  if (faults.length > 0) throw new DescriptorError(origin, faults);
  return { upstream, services, registry };
}

/** Several images may hold the same files, if those are alike. */
async function readImages(paths: readonly string[]): Promise<FileDescriptorProto[]> {
  const images = await Promise.all(paths.map(async (path) => readImage(await readBytes(path), path)));
  const files: FileDescriptorProto[] = [];
  for (const file of images.flat()) {
    if (!files.some((other) => other.name === file.name && equals(FileDescriptorProtoSchema, other, file)))
      files.push(file);
  }
  return files;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DescriptorError(path, [`it cannot be read: ${cause instanceof Error ? cause.message : cause}`]);
  }
}

/** Descriptors may be larger than what a gateway lets through. */
const maxMessageBytes = 64 * 1024 * 1024;
/** Longest time of one attempt, in milliseconds. */
const attemptMs = 10_000;
const backoff = { firstMs: 100, longestMs: 2_000 };

async function reflectPatiently(
  upstream: UpstreamConfig,
  origin: string,
  options: ReadOptions,
): Promise<ReflectedContract> {
  const { channels, log, patienceMs, signal } = options;
  const giveUpAt = Date.now() + patienceMs;
  const channel = channels.lease(upstream, { service: ServerReflection, maxMessageBytes });
  const ask = () => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(attemptMs)]);
    return reflect(channel.transport(false), { origin, selectors: upstream.selectors, signal: limit });
  };
  try {
    for (let pauseMs = backoff.firstMs; ; pauseMs = Math.min(pauseMs * 2, backoff.longestMs)) {
      try {
        return await ask();
      } catch (thrown) {
        if (!(thrown instanceof ConnectError) || signal.aborted) throw thrown;
        if (!isPassing(thrown) || Date.now() + pauseMs > giveUpAt) throw unreachable(origin, thrown);
        log.info({ upstream: upstream.name, address: upstream.address, error: thrown.message }, "waiting for a server");
      }
      await sleep(pauseMs, undefined, { signal });
    }
  } finally {
    channel.release();
  }
}

/** Whether a server that is starting may well answer in this way. */
function isPassing({ code }: ConnectError): boolean {
  return code === Code.Unavailable || code === Code.DeadlineExceeded;
}

function unreachable(origin: string, { code, rawMessage }: ConnectError): DescriptorError {
  return new DescriptorError(origin, [`its reflection cannot be read: ${Code[code]}: ${rawMessage}`]);
}
