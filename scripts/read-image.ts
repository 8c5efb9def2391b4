import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { capture } from "./capture.ts";
import { writeThirdPartyProtos } from "./third-party-protos.ts";

/** Compiles the contracts of this tree, with the places at which their elements are written. */
export async function readImage(): Promise<FileDescriptorSet> {
  if (!existsSync("third_party")) writeThirdPartyProtos();
  const folder = mkdtempSync(join(tmpdir(), "heddle-image-"));
  try {
    const file = join(folder, "image.binpb");
    await capture("buf", ["build", "proto", "--as-file-descriptor-set", "--output", file]);
    return fromBinary(FileDescriptorSetSchema, readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
