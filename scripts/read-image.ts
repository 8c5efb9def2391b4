import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { type FileDescriptorSet, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { capture } from "./capture.ts";
import { writeThirdPartyProtos } from "./third-party-protos.ts";

/**
 * Compiles the contracts of this tree, or of a commit, with the places at which their elements are written.
 * Throws an Error when the commit does not exist or has no contracts.
 */
export async function readImage(commit?: string): Promise<FileDescriptorSet> {
  if (!existsSync("third_party")) writeThirdPartyProtos();
  const folder = mkdtempSync(join(tmpdir(), "heddle-image-"));
  try {
    if (commit !== undefined) await extractContracts(commit, folder);
    const file = join(folder, "image.binpb");
    const proto = commit === undefined ? "proto" : join(folder, "proto");
    await capture("buf", ["build", proto, "--as-file-descriptor-set", "--output", file]);
    return fromBinary(FileDescriptorSetSchema, readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the contracts of a commit to a folder, ready to be compiled. */
export async function extractContracts(commit: string, folder: string): Promise<void> {
  const archive = join(folder, "contracts.tar");
  await capture("git", ["archive", "--output", archive, commit, "proto", "buf.yaml"]);
  await capture("tar", ["-xf", archive, "-C", folder]);
  symlinkSync(resolve("third_party"), join(folder, "third_party"));
}
