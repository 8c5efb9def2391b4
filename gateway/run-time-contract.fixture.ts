import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  MethodOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { http } from "#gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "#gen/google/api/http_pb.ts";
import { PolicySchema, policy, ServerSchema, server } from "#gen/heddle/v1/policy_pb.ts";

const buf = fileURLToPath(new URL("../node_modules/.bin/buf", import.meta.url));
const googleApi = fileURLToPath(new URL("../node_modules/google-proto-files/google/api/", import.meta.url));

/** Options of a method of a contract that exists only in a test. */
export interface MethodOptionsInit {
  readonly policy: MessageInitShape<typeof PolicySchema>;
  readonly http?: MessageInitShape<typeof HttpRuleSchema>;
}

/**
 * Compiles the text of one proto file, which may import google/protobuf and google/api/httpbody.proto, into descriptors without generated code.
 * `methods` adds options to rpcs by their name.
 */
export function compileContract(text: string, methods: Readonly<Record<string, MethodOptionsInit>> = {}): FileRegistry {
  const set = fromBinary(FileDescriptorSetSchema, imageOf(text));
  addOptions(set, methods);
  return createFileRegistry(set);
}

const images = new Map<string, Uint8Array>();

function imageOf(text: string): Uint8Array {
  const known = images.get(text);
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), "gateway-contract-"));
  try {
    const file = join(folder, "contract/test/v1/test.proto");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    cpSync(join(googleApi, "httpbody.proto"), join(folder, "google/api/httpbody.proto"));
    const image = execFileSync(buf, ["build", folder, "--as-file-descriptor-set", "-o", "-"]);
    images.set(text, image);
    return image;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns a message of the registry; throws when there is none of that name. */
export function messageOf(registry: FileRegistry, typeName: string): DescMessage {
  const message = registry.getMessage(typeName);
  if (message === undefined) throw new Error(`no message ${typeName}`);
  return message;
}

/** Returns a service of the registry; throws when there is none of that name. */
export function serviceOf(registry: FileRegistry, typeName: string): DescService {
  const service = registry.getService(typeName);
  if (service === undefined) throw new Error(`no service ${typeName}`);
  return service;
}

/** A machine that is busy with other tests makes event loops late, which only the tests of admission are about. */
const admission = { maxEventLoopLag: { seconds: 60n } };

function addOptions(set: FileDescriptorSet, methods: Readonly<Record<string, MethodOptionsInit>>): void {
  const services = set.file.flatMap(({ service }) => service);
  for (const service of services) {
    service.options ??= create(ServiceOptionsSchema);
    setExtension(service.options, server, create(ServerSchema, { defaultPort: 1, admission }));
  }
  for (const method of services.flatMap((service) => service.method)) {
    const init = methods[method.name];
    if (init === undefined) continue;
    method.options ??= create(MethodOptionsSchema);
    setExtension(method.options, policy, create(PolicySchema, init.policy));
    if (init.http) setExtension(method.options, http, create(HttpRuleSchema, init.http));
  }
}
