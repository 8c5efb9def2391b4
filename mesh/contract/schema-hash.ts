import { createHash } from "node:crypto";
import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/**
 * A hash of everything that contracts are made of, their imports included: 16 hexadecimal digits, the same for the same
 * contracts wherever they were generated. Comments and positions are no part of it.
 */
export function schemaHash(services: readonly DescService[]): string {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile) => {
    if (files.has(file.name)) return;
    files.set(file.name, file);
    file.dependencies.forEach(add);
  };
  for (const { file } of services) add(file);
  const hash = createHash("sha256");
  for (const [, { proto }] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(toBinary(FileDescriptorProtoSchema, proto));
  }
  return hash.digest("hex").slice(0, 16);
}
