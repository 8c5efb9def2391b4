import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DescFile } from "@bufbuild/protobuf";
import type { Contract } from "#mesh/contract";
import { readSystem } from "#mesh/verify";

/** The contracts of every service, without the mesh's own, from the generated code. Throws a ContractError that lists what is wrong with them. */
export async function readContracts(): Promise<readonly Contract[]> {
  const folder = resolve(import.meta.dirname, "../gen");
  const paths = globSync("*/**/*_pb.ts", { cwd: folder, exclude: ["heddle", "google", "grpc"] }).toSorted();
  const modules: object[] = await Promise.all(paths.map((path) => import(join(folder, path))));
  return readSystem({ files: modules.flatMap((module) => Object.values(module).filter(isFile)) }).contracts;
}

function isFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}
