// Writes the contracts of others that ours import to third_party/, from the npm packages that ship them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProtoFile } from "./print-proto-file.ts";

const require = createRequire(import.meta.url);
const target = "third_party";

const googleapis = [
  "google/api/annotations.proto",
  "google/api/http.proto",
  "google/api/httpbody.proto",
  "google/rpc/code.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
  "google/type/money.proto",
];

/** Materialises google/*, grpc/* and buf/validate protos below third_party/, replacing what was there. */
export function writeThirdPartyProtos(): void {
  rmSync(target, { recursive: true, force: true });
  const google = packageFolder("google-proto-files");
  for (const file of googleapis) copyProto(join(google, file), `googleapis/${file}`);
  const health = join(packageFolder("grpc-health-check"), "proto/health/v1/health.proto");
  copyProto(health, "grpc/grpc/health/v1/health.proto");
  const reflection = join(packageFolder("@grpc/reflection"), "build/proto/grpc/reflection");
  for (const version of ["v1", "v1alpha"]) {
    copyProto(join(reflection, version, "reflection.proto"), `grpc/grpc/reflection/${version}/reflection.proto`);
  }
  writeProto("protovalidate/buf/validate/validate.proto", printProtoFile(file_buf_validate_validate.proto));
}

function packageFolder(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

function copyProto(source: string, path: string): void {
  writeProto(path, withoutComments(readFileSync(source, "utf8")));
}

/** Keeps the licence at the top and drops all other comments: generated code repeats them, and they are not ours. */
function withoutComments(proto: string): string {
  const licence = /^(?:\/\/.*\n)*/.exec(proto)?.[0] ?? "";
  const body = proto.slice(licence.length);
  return licence + body.replace(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[\s\S]*?\*\//g, (_match, literal) => literal ?? "");
}

function writeProto(path: string, text: string): void {
  mkdirSync(dirname(join(target, path)), { recursive: true });
  writeFileSync(join(target, path), text);
}
