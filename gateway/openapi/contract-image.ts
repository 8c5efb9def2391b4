import { readFileSync } from "node:fs";
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The image of all contracts of this tree that `npm run gen` writes. */
export const ownContracts = new URL("../../gen/contracts.binpb", import.meta.url);

/**
 * Reads an image of contracts: a google.protobuf.FileDescriptorSet, as `buf build --as-file-descriptor-set` and
 * `protoc --descriptor_set_out` write it. Throws when the file is missing, no image, or lacks something it imports.
 */
export function readContractImage(file: URL | string): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
}
